// Everything known about one case, shown below its row.
function table(headings, rows) {
  return element('div', {class: 'scroll'}, element('table', {},
    element('thead', {}, element('tr', {}, ...headings.map(([words, kind]) => element('th', {scope: 'col', class: kind}, words)))),
    element('tbody', {}, ...rows.map((cells) => element('tr', {}, ...cells.map((cell, i) =>
      element('td', {class: headings[i][1]}, ...(Array.isArray(cell) ? cell : [cell]))))))));
}

function replayLine(item) {
  const button = element('button', {type: 'button', class: 'plain'}, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(item.replay);
    } catch {  // pages opened from a file may have no clipboard
      const area = element('textarea', {});
      area.value = item.replay;
      document.body.append(area);
      area.select();
      document.execCommand('copy');
      area.remove();
    }
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  return element('div', {class: 'replay'}, element('code', {}, item.replay), button);
}

function outputsTable(item) {
  const headings = [['output'], ['comparison'], ['rule'], ['result'], ['mismatches', 'number'], ['never written', 'number'],
    ['max ulps', 'number'], ['max |a−e|', 'number'], ['smallest rtol', 'number'], ['smallest atol', 'number'],
    ['slack', 'number'], ['width, median / max', 'number']];
  const hasPeer = item.outputs.some((o) => o.peer);
  if (hasPeer) headings.push(['the peers’ own check']);
  const peerCell = (o) => (!o.peer ? '–' : o.peer[0] < 0 ? 'does not look at it' :
    [tag(o.peer[0] === 1 ? 'passed' : 'failed', o.peer[0] === 1 ? 'accepts' : 'rejects'), ' ', element('code', {}, o.peer[1]),
      ` ${count(o.peer[2])} beyond, ${count(o.peer[3])} allowed`]);
  return table(headings, item.outputs.map((o) => [
    [element('strong', {}, `${o.stage} · ${o.output}`), o.pattern ? element('div', {class: 'pattern'}, o.pattern) : null],
    `${o.subject} against ${o.reference}${o.oracle ? ` (${o.oracle})` : ''}`, [element('code', {}, o.rule)],
    [tag(o.passed ? 'passed' : 'failed', o.passed ? 'match' : 'mismatch')],
    `${count(o.mismatches)} of ${count(o.compared)}`, count(o.unwritten), ulpsText(o.ulps), numberText(o.abs, 'infinite'),
    numberText(o.rtol), numberText(o.atol), o.enclosure ? numberText(o.enclosure[0], 'infinite') : '–',
    o.enclosure ? `${count(o.enclosure[1])} / ${ulpsText(o.enclosure[2])} ulp` : '–', ...(hasPeer ? [peerCell(o)] : [])]));
}

function firstTable(item) {
  const rows = item.outputs.filter((o) => o.first && o.first.length > 0).flatMap((o) => o.first.map((m) =>
    [`${o.stage} · ${o.output}`, o.subject, count(m[0]), [element('code', {}, m[1])], [element('code', {}, m[2])],
      m[3] ? [element('code', {}, `${m[3]} … ${m[4]}`)] : '', ulpsText(m[5])]));
  if (rows.length === 0) return null;
  return table([['output'], ['backend'], ['element', 'number'], ['actual bits'], ['expected bits'], ['bounds'], ['ulps', 'number']], rows);
}

function backendsTable(item) {
  return table([['backend'], ['verdict'], ['status'], ['wall time', 'number'], ['device time', 'number'], ['instructions', 'number'], ['diagnostics']],
    item.backends.map((b) => [b.name, [tag(b.verdict)], b.reason ? `${b.status}: ${b.reason}` : b.status,
      secondsText(b.seconds), b.deviceSeconds > 0 ? secondsText(b.deviceSeconds) : '–', count(b.instructions),
      b.diagnostics.length ? [element('ul', {}, ...b.diagnostics.map((line) => element('li', {class: 'mono'}, line)))] : '–']));
}

function stagesTable(item) {
  const parts = [...new Set(item.stages.flatMap((row) => row.slice(1).map((time) => time[0])))];
  return table([['stage'], ...parts.map((part) => [part, 'number'])], item.stages.map((row) => [row[0],
    ...parts.map((part) => { const time = row.slice(1).find((t) => t[0] === part); return time ? secondsText(time[1]) : '–'; })]));
}

function details(item) {
  const facts = element('dl', {});
  const fact = (name, ...value) => facts.append(element('dt', {}, name), element('dd', {}, ...value));
  fact('verdict', tag(item.verdict), item.reason ? ` ${item.reason}` : '');
  if (item.blame) fact('blame', item.blame);
  fact('elements', `${count(item.compared)} compared, ${count(item.open)} left open, ${count(item.unwritten)} never written`);
  fact('time', secondsText(item.seconds));
  if (item.attention) fact('data', element('a', {href: `failures/${encodeURIComponent(item.id)}/`}, `failures/${item.id}/`),
    ' (inputs, golden and actual results, where they were kept)');
  const box = element('div', {class: 'detail'}, facts, element('h3', {}, 'Run it again'), replayLine(item));
  if (item.outputs.length) box.append(element('h3', {}, 'Comparisons'), outputsTable(item));
  const first = firstTable(item);
  if (first) box.append(element('h3', {}, 'First mismatches'), first);
  if (item.stages.length) box.append(element('h3', {}, 'Time of the stages'), stagesTable(item));
  if (item.backends.length) box.append(element('h3', {}, 'Backends'), backendsTable(item));
  return box;
}
