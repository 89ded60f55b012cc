'use strict';
// The embedded data and the words and colours for it. Text from the data only ever reaches the page as text nodes.
const data = JSON.parse(document.getElementById('data').textContent);
const {run, summary, verdicts, pipelines, fills, backends} = data;
const FAR = 9e18;  // a saturated distance: NaN against a number (or integers more than 63 bits apart)

const TONES = {
  passed: 'good', xfail: 'known', failed: 'bad', xpass: 'bad', error: 'bad', crash: 'bad', hang: 'bad',
  unverified: 'warn', skipped: 'idle', unsupported: 'idle',
};
const GRAVITY = ['crash', 'hang', 'error', 'failed', 'xpass', 'unverified', 'xfail', 'unsupported', 'skipped', 'passed'];

// element('td', {class: 'number'}, 'text', child, ...)
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined).map((child) => child instanceof Node ? child : String(child)));
  return node;
}

const byId = (id) => document.getElementById(id);
const tag = (verdict, text = verdict) => element('span', {class: `tag ${TONES[verdict]}`}, text);
const count = (number) => Number(number).toLocaleString('en');

function ulpsText(ulps) { return ulps >= FAR ? 'NaN' : count(ulps); }
function numberText(value, unbounded = 'none passes') {
  if (value === null) return unbounded;
  return value === 0 ? '0' : Number(value).toPrecision(4).replace(/\.?0+(e|$)/, '$1');
}
function secondsText(seconds) {
  if (seconds < 1e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 1) return `${(seconds * 1e3).toFixed(1)} ms`;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const whole = Math.floor(seconds), two = (n) => String(n).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

// One row of `data.cases` with names in place of indices. `text` is what the search looks at, in lower case.
const cases = data.cases.map((row, at) => {
  const item = {
    at, id: row.i, verdict: verdicts[row.v], pipeline: pipelines[row.p], fill: fills[row.f], parameters: row.c,
    reason: row.r, seconds: row.s, attention: row.a === 1, blame: row.w, replay: row.l,
    compared: row.n[0], open: row.n[1], unwritten: row.n[2],
    stages: row.t || [],  // of a chain: [stage, [part, seconds]...]
    backends: row.b.map((b) => ({name: backends[b[0]], verdict: verdicts[b[1]], status: b[2], reason: b[3], seconds: b[4],
      deviceSeconds: b[5], instructions: b[6], diagnostics: b[7]})),
    outputs: row.o.map((o) => ({stage: o[0], output: o[1], subject: o[2], reference: o[3], oracle: o[4], rule: o[5],
      passed: o[6] === 1, mismatches: o[7], compared: o[8], unwritten: o[9], ulps: o[10], abs: o[11], rtol: o[12],
      atol: o[13], pattern: o[14], first: o[15], enclosure: o[16],  // slack, median and greatest width
      peer: o[17]})),  // 1 accepts, 0 rejects, -1 does not look; rule, elements beyond it, how many may be
  };
  item.leading = item.outputs.find((o) => !o.passed) ||
    item.outputs.reduce((best, o) => (best && best.ulps >= o.ulps ? best : o), null);
  item.ulps = item.leading ? item.leading.ulps : -1;
  item.why = item.leading && !item.leading.passed && item.leading.pattern ? item.leading.pattern : item.reason;
  item.text = [item.id, item.verdict, item.pipeline, item.fill, item.parameters, item.reason, item.why]
    .concat(item.backends.map((b) => b.name)).join(' ').toLowerCase();
  return item;
});
