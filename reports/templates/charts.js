// Four charts; drawn again when the colour scheme changes.
const drawn = [];

function palette() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {ink: color('ink'), soft: color('soft'), line: color('line'), good: color('good'), bad: color('bad'),
    warn: color('warn'), idle: color('idle'), known: color('known'), accent: color('accent')};
}

const SERIES = ['accent', 'warn', 'good', 'known', 'bad', 'idle'];

function draw(id, type, labels, datasets, words, more = {}) {
  const colors = palette();
  const canvas = byId(id);
  canvas.setAttribute('aria-label', words);
  const axis = (stacked, title) => ({stacked, title: {display: Boolean(title), text: title, color: colors.soft},
    ticks: {color: colors.soft}, grid: {color: colors.line}, beginAtZero: true});
  drawn.push(new Chart(canvas, {type, data: {labels, datasets}, options: {
    animation: false, responsive: true, maintainAspectRatio: false, indexAxis: more.indexAxis || 'x',
    plugins: {legend: {display: datasets.length > 1, labels: {color: colors.ink, boxWidth: 12}}},
    scales: {x: {...axis(more.stacked, more.x), ...more.xAxis}, y: {...axis(more.stacked, more.y), ...more.yAxis}},
  }}));
}

function drawPipelines() {
  const colors = palette(), names = Object.keys(summary.pipelines).sort();
  const tones = [['good', 'passed', ['passed']], ['known', 'xfail', ['xfail']],
    ['bad', 'failed, crash, hang, error, xpass', ['failed', 'crash', 'hang', 'error', 'xpass']],
    ['warn', 'unverified', ['unverified']], ['idle', 'skipped, unsupported', ['skipped', 'unsupported']]];
  const sets = tones.map(([tone, label, of]) => ({label, backgroundColor: colors[tone],
    data: names.map((name) => of.reduce((sum, v) => sum + (summary.pipelines[name][v] || 0), 0))}))
    .filter((set) => set.data.some((n) => n > 0));
  draw('chart-pipelines', 'bar', names, sets, 'Number of cases by pipeline and verdict',
    {stacked: true, indexAxis: 'y', xAxis: {ticks: {precision: 0, color: colors.soft}}});
}

// 0, 1, 2, 3-4, 5-8, ... and everything that is no number.
function bucketOf(ulps) { return ulps >= FAR ? 'NaN' : ulps === 0 ? 0 : Math.ceil(Math.log2(ulps)) + 1; }
function bucketWords(bucket) {
  if (bucket === 'NaN' || bucket === 0) return String(bucket);
  const high = 2 ** (bucket - 1), low = bucket < 2 ? 1 : 2 ** (bucket - 2) + 1;
  const short = (n) => (n < 10000 ? String(n) : `2^${Math.round(Math.log2(n))}`);
  return low === high ? short(high) : `${short(low)}–${short(high)}`;
}

function drawUlps() {
  const colors = palette(), found = new Map();
  for (const item of cases)
    for (const output of item.outputs)
      if (output.reference === 'golden' && output.compared > 0) {
        const counts = found.get(output.subject) || new Map();
        const bucket = bucketOf(output.ulps);
        counts.set(bucket, (counts.get(bucket) || 0) + 1);
        found.set(output.subject, counts);
      }
  const used = [...new Set([...found.values()].flatMap((counts) => [...counts.keys()]))];
  const most = Math.max(-1, ...used.filter((b) => b !== 'NaN'));
  const buckets = [...Array(most + 1).keys()].concat(used.includes('NaN') ? ['NaN'] : []);
  const sets = [...found].map(([subject, counts], i) => ({label: subject, backgroundColor: colors[SERIES[i % SERIES.length]],
    data: buckets.map((b) => counts.get(b) || 0)}));
  draw('chart-ulps', 'bar', buckets.map(bucketWords), sets, 'Outputs by their largest distance from the golden in ulps',
    {x: 'largest distance in ulps', y: 'outputs', yAxis: {ticks: {precision: 0, color: colors.soft}}});
}

function drawTime() {
  const colors = palette();
  const total = (key) => backends.map((name) => cases.reduce((sum, c) =>
    sum + c.backends.reduce((s, b) => s + (b.name === name ? b[key] : 0), 0), 0));
  const sets = [{label: 'wall', backgroundColor: colors.accent, data: total('seconds')},
    {label: 'device', backgroundColor: colors.warn, data: total('deviceSeconds')}];
  draw('chart-time', 'bar', backends, sets, 'Seconds spent in each backend, wall time and device time', {indexAxis: 'y', x: 'seconds'});
}

function drawFills() {
  const colors = palette(), ran = new Map(), caught = new Map();
  for (const item of cases) {
    if (item.verdict === 'skipped' || item.verdict === 'unsupported') continue;
    ran.set(item.fill, (ran.get(item.fill) || 0) + 1);
    if (item.attention) caught.set(item.fill, (caught.get(item.fill) || 0) + 1);
  }
  const names = [...ran.keys()].sort();
  draw('chart-fills', 'bar', names, [{label: 'cases', backgroundColor: colors.bad,
    data: names.map((name) => 100 * (caught.get(name) || 0) / ran.get(name))}],
    'Percentage of cases that need a look, by fill', {y: '% of cases', yAxis: {suggestedMax: 1}});
}

function drawCharts() {
  while (drawn.length) drawn.pop().destroy();
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  drawPipelines();
  drawUlps();
  drawTime();
  drawFills();
}

showHeader();
showCards();
showFailures();
showMatrix();
prepareCases();
showCases();
followHash();
drawCharts();
window.addEventListener('hashchange', followHash);
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawCharts);
