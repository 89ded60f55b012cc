// Header, cards, the table of failures and the verdict matrix.
function showHeader() {
  const outcome = byId('outcome');
  outcome.textContent = summary.exit_reason;
  outcome.className = summary.exit_code === 0 ? 'good' : 'bad';
  byId('command').textContent = run.command_line || 'no command line was recorded';
  document.title = `assay: ${summary.exit_reason}`;
  const facts = byId('facts');
  const fact = (name, value) => value && facts.append(element('dt', {}, name), element('dd', {}, value));
  fact('started', run.started);
  fact('seed', run.seed);
  fact('machine', run.machine);
  for (const backend of run.backends)
    fact(backend.name, backend.missing ? `missing: ${backend.missing}` : backend.description);
  fact('versions', Object.entries(run.versions).map(([name, version]) => `${name} ${version}`).join(', '));
}

function showCards() {
  const cards = byId('cards');
  for (const verdict of GRAVITY) {
    const number = summary.verdicts[verdict] || 0;
    if (number === 0 && verdict !== 'passed' && verdict !== 'failed') continue;
    cards.append(element('button', {class: 'card', type: 'button', click: () => choose({verdict})},
      element('b', {class: number > 0 ? TONES[verdict] : 'idle'}, count(number)), element('span', {}, verdict)));
  }
  const card = (number, words, tone = '') =>
    cards.append(element('div', {class: 'card'}, element('b', {class: tone}, number), element('span', {}, words)));
  card(count(summary.compared), 'elements compared');
  card(count(summary.unconstrained), 'left open by the specification');
  card(count(summary.unwritten), 'never written', summary.unwritten > 0 ? 'bad' : '');
  card(secondsText(summary.seconds), 'duration');
}

function showFailures() {
  if (summary.failures.length === 0) return;
  byId('failures-section').hidden = false;
  const body = byId('failures').tBodies[0];
  for (const failure of summary.failures) {
    const chips = Object.entries(failure.fills)
      .sort((a, b) => b[1].caught / (b[1].ran || 1) - a[1].caught / (a[1].ran || 1))
      .map(([fill, found]) => element('span', {class: `tag ${found.caught > 0 ? 'bad' : 'idle'}`},
        `${fill} ${found.caught}/${found.ran}`));
    body.append(element('tr', {}, element('td', {}, failure.pipeline), element('td', {}, failure.where),
      element('td', {class: 'number'}, count(failure.cases)), element('td', {}, ...chips)));
  }
}

const worstOf = (counts) => GRAVITY.find((verdict) => counts[verdict] > 0) || 'skipped';

function matrixCell(cell) {
  if (!cell) return element('td', {class: 'empty'}, '–');
  const all = Object.values(cell.verdicts).reduce((sum, number) => sum + number, 0);
  const title = Object.entries(cell.verdicts).map(([verdict, n]) => `${n} ${verdict}`).join(', ');
  let worst = worstOf(cell.verdicts), words = `${count(cell.verdicts[worst])} of ${count(all)} ${worst}`;
  if (cell.verdicts[worst] === all) words = `${count(all)} ${worst}`;
  else if (TONES[worst] === 'idle') {  // the rest passed
    words = title;
    worst = 'passed';
  }
  return element('td', {class: TONES[worst]}, element('button', {type: 'button', title,
    click: () => choose({pipeline: cell.pipeline, fill: cell.fill, backend: cell.backend})}, words));
}

function showMatrix() {
  const table = byId('matrix');
  const columns = [...new Set(summary.cells.map((cell) => cell.fill))].sort();
  const at = new Map(summary.cells.map((cell) => [JSON.stringify([cell.pipeline, cell.backend, cell.fill]), cell]));
  table.append(element('thead', {}, element('tr', {}, element('th', {scope: 'col'}, 'pipeline'),
    element('th', {scope: 'col'}, 'backend'), ...columns.map((fill) => element('th', {scope: 'col'}, fill)))));
  for (const pipeline of [...new Set(summary.cells.map((cell) => cell.pipeline))].sort()) {
    const rows = [...new Set(summary.cells.filter((cell) => cell.pipeline === pipeline).map((cell) => cell.backend))].sort();
    const body = element('tbody');
    rows.forEach((backend, i) => body.append(element('tr', {},
      i === 0 ? element('th', {scope: 'rowgroup', rowspan: rows.length}, pipeline) : null,
      element('th', {scope: 'row'}, backend),
      ...columns.map((fill) => matrixCell(at.get(JSON.stringify([pipeline, backend, fill])))))));
    table.append(body);
  }
  if (summary.cells.length === 0) table.append(element('caption', {}, 'No case was run.'));
}
