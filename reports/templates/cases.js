// The table of cases: filter, sort, one page at a time.
const PAGE = 100;
const COLUMNS = [
  {words: 'verdict', value: (c) => GRAVITY.indexOf(c.verdict), cell: (c) => [tag(c.verdict)]},
  {words: 'pipeline', value: (c) => c.pipeline, cell: (c) => [c.pipeline]},
  {words: 'fill', value: (c) => c.fill, cell: (c) => [c.fill]},
  {words: 'parameters', value: (c) => c.parameters, cell: (c) => [element('span', {class: 'mono'}, c.parameters)], kind: 'case'},
  {words: 'backends', value: (c) => c.backends.map((b) => b.name).join(' '),
    cell: (c) => c.backends.flatMap((b, i) => [i > 0 ? ' ' : null, tag(b.verdict, b.name)]), kind: 'backends'},
  {words: 'max ulps', value: (c) => c.ulps, cell: (c) => [c.ulps < 0 ? '–' : ulpsText(c.ulps)], kind: 'number'},
  {words: 'mismatches', value: (c) => (c.leading ? c.leading.mismatches : -1),
    cell: (c) => [c.leading ? count(c.leading.mismatches) : '–'], kind: 'number'},
  {words: 'why', value: (c) => c.why, cell: (c) => [c.why], kind: 'why'},
  {words: 'time', value: (c) => c.seconds, cell: (c) => [secondsText(c.seconds)], kind: 'number'},
];

const view = {query: '', verdict: '', pipeline: '', fill: '', backend: '', sort: 0, descending: false, page: 0, open: new Set()};

function selected() {
  const words = view.query.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = cases.filter((c) =>
    (!view.verdict || c.verdict === view.verdict) && (!view.pipeline || c.pipeline === view.pipeline) &&
    (!view.fill || c.fill === view.fill) && (!view.backend || c.backends.some((b) => b.name === view.backend)) &&
    words.every((word) => c.text.includes(word)));
  const value = COLUMNS[view.sort].value, sign = view.descending ? -1 : 1;
  return rows.sort((a, b) => {
    const x = value(a), y = value(b);
    return (x < y ? -sign : x > y ? sign : 0) || a.at - b.at;
  });
}

function caseRow(item) {
  const open = view.open.has(item.id);
  const toggle = () => {
    if (!view.open.delete(item.id)) view.open.add(item.id);
    showCases();
  };
  const row = element('tr', {class: 'row', id: `case-${item.id}`, click: (event) => {
    if (window.getSelection().toString() === '' || event.target.closest('button')) toggle();
  }}, ...COLUMNS.map((column) => element('td', {class: column.kind}, ...column.cell(item))));
  row.prepend(element('td', {}, element('button', {type: 'button', class: 'open', 'aria-expanded': String(open),
    'aria-label': `Details of case ${item.id}`}, open ? '▾' : '▸')));
  return open ? [row, element('tr', {class: 'detail'}, element('td', {colspan: COLUMNS.length + 1}, details(item)))] : [row];
}

function showCases() {
  const rows = selected();
  const pages = Math.max(1, Math.ceil(rows.length / PAGE));
  view.page = Math.min(view.page, pages - 1);
  const first = view.page * PAGE;
  byId('cases').tBodies[0].replaceChildren(...rows.slice(first, first + PAGE).flatMap(caseRow));
  const missing = data.omitted > 0 ? `; ${count(data.omitted)} more passing cases are only in results.csv` : '';
  byId('count').textContent = `${count(rows.length)} of ${count(cases.length)} cases${missing}`;
  const turn = (words, page, possible) => element('button', {type: 'button', disabled: !possible, click: () => {
    view.page = page;
    showCases();
    byId('filters').scrollIntoView();
  }}, words);
  byId('pages').replaceChildren(...(pages === 1 ? [] : [turn('Previous', view.page - 1, view.page > 0),
    `page ${count(view.page + 1)} of ${count(pages)}`, turn('Next', view.page + 1, view.page + 1 < pages)]));
  showSorting();
}

function showSorting() {
  const heads = byId('cases').tHead.rows[0].children;
  COLUMNS.forEach((column, i) => {
    const sorted = i === view.sort;
    heads[i + 1].setAttribute('aria-sort', sorted ? (view.descending ? 'descending' : 'ascending') : 'none');
    heads[i + 1].firstChild.textContent = column.words + (sorted ? (view.descending ? ' ▾' : ' ▴') : '');
  });
}

// Sets filters from elsewhere on the page and shows the table.
function choose(filters) {
  Object.assign(view, {query: '', verdict: '', pipeline: '', fill: '', backend: '', page: 0}, filters);
  byId('query').value = view.query;
  for (const key of ['verdict', 'pipeline', 'fill', 'backend']) byId(`by-${key}`).value = view[key];
  showCases();
  byId('filters').scrollIntoView({block: 'start'});
}

function prepareCases() {
  const head = byId('cases').tHead.rows[0];
  head.append(element('th', {scope: 'col'}, element('span', {}, '')));
  COLUMNS.forEach((column, i) => head.append(element('th', {scope: 'col', class: column.kind},
    element('button', {type: 'button', click: () => {
      view.descending = view.sort === i && !view.descending;
      view.sort = i;
      showCases();
    }}, column.words))));
  const options = {verdict: GRAVITY.filter((v) => summary.verdicts[v]), pipeline: pipelines, fill: fills, backend: backends};
  for (const [key, values] of Object.entries(options)) {
    const select = byId(`by-${key}`);
    select.append(element('option', {value: ''}, 'all'), ...[...values].map((v) => element('option', {value: v}, v)));
    select.addEventListener('change', () => Object.assign(view, {[key]: select.value, page: 0}) && showCases());
  }
  byId('query').addEventListener('input', () => Object.assign(view, {query: byId('query').value, page: 0}) && showCases());
  byId('filters').addEventListener('submit', (event) => event.preventDefault());
  byId('filters').addEventListener('reset', () => setTimeout(() => choose({})));
}

// #case=ID opens a case.
function followHash() {
  const found = /^#case=(\w+)$/.exec(location.hash);
  const item = found && cases.find((c) => c.id === found[1]);
  if (!item) return;
  view.open.add(item.id);
  choose({query: item.id});
}
