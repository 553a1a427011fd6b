/* Searching a report. The pages can be read without it; all it shows comes from cases.js, and goes
 * into the page as text. */
'use strict';

const ROWS = 300; /* shown at once, unless more are asked for */

const $ = (id) => document.getElementById(id);

function make(name, attributes, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

/* --- what is asked for, kept in the address so that `back` brings it back ------------------------ */

const asked = { q: '', only: '', build: '', area: '' };

function readAddress() {
  const words = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(asked)) asked[key] = words.get(key) || '';
}

function writeAddress() {
  const words = new URLSearchParams();
  for (const key of Object.keys(asked)) if (asked[key]) words.set(key, asked[key]);
  const hash = '#' + words.toString();
  if (hash !== (location.hash || '#')) location.replace(hash);
}

/* --- which cases fit ----------------------------------------------------------------------------- */

const NOT_NEWS = 'ps.';
const MOVES = { worse: 'w', better: 'b' };

function codeFits(code, codes, only) {
  if (only === '') return code !== '.';
  if (only === '!') return !NOT_NEWS.includes(code);
  if (only === '~') return new Set(codes.replaceAll('.', '')).size > 1;
  return code === only;
}

function moveFits(move, only) {
  return only === 'changed' ? move !== '.' : move === MOVES[only];
}

function fits(test, words) {
  const [, , , codes, , moves] = test;
  const only = asked.only;
  const byMove = only === 'changed' || only in MOVES;
  const from = asked.build ? asked.build - 1 : 0;
  const to = asked.build ? from + 1 : codes.length;
  let found = false;
  for (let b = from; b < to; b++)
    found ||= byMove ? moveFits((moves || '')[b] || '.', only) : codeFits(codes[b], codes, only);
  return found && words.every((word) => test.text.includes(word));
}

/* --- the rows ------------------------------------------------------------------------------------ */

let report = null;

function areaOf(id) {
  const parts = id.split('/');
  return parts.length > 2 ? parts.slice(0, 2).join('/') : parts[0];
}

const MOVED = { w: ['\u25bc', 'worse than the base'], b: ['\u25b2', 'better than the base'],
  o: ['\u2022', 'another than in the base'], n: ['+', 'new'], g: ['', 'gone'] };

function cell(test, b) {
  const [, , file, codes, , moves] = test;
  const moved = MOVED[(moves || '')[b]];
  if (codes[b] === '.' && !moved) return make('td', {});
  if (codes[b] === '.') return make('td', {}, make('span', { class: 'quiet' }, moved[1]));
  const [mark, word] = report.codes[codes[b]];
  const label = report.builds[b] + ': ' + word + (moved ? ', ' + moved[1] : '');
  const link = make('a', { class: 'v ' + codes[b], href: 'case/' + file + '#b' + (b + 1),
    'aria-label': label, title: label }, mark);
  if (moved) {
    link.classList.add('moved');
    link.dataset.moved = moved[0];
  }
  return make('td', {}, link);
}

function row(test, area) {
  const [id, title, file, codes] = test;
  const name = id.length > area.length ? id.slice(area.length + 1) : id;
  const head = make('th', { scope: 'row' }, make('a', { href: 'case/' + file }, name),
    make('small', {}, title));
  return make('tr', { class: 'case' }, head, ...Array.from(codes, (_, b) => cell(test, b)));
}

function clearRows(body) {
  for (const old of body.querySelectorAll('.case')) old.remove();
}

function fill(body, tests) {
  clearRows(body);
  body.append(...tests.map((test) => row(test, body.dataset.area)));
  body.querySelector('.area').classList.toggle('open', tests.length > 0);
  body.querySelector('.area th a').setAttribute('aria-expanded', String(tests.length > 0));
}

let limit = ROWS;

/* Areas without a case that fits are hidden; those of a search are open as far as the limit goes. */
function show() {
  if (!report) return;
  const words = asked.q.toLowerCase().split(/\s+/).filter(Boolean);
  const isSearch = words.length > 0 || asked.only !== '' || asked.build !== '';
  let left = limit;
  let found = 0;
  for (const body of document.querySelectorAll('#table tbody')) {
    const isAsked = asked.area === body.dataset.area;
    const all = (report.areas.get(body.dataset.area) || []).filter((test) => fits(test, words));
    const isOpen = isAsked || (isSearch && !asked.area);
    body.hidden = all.length === 0 || (isSearch && asked.area !== '' && !isAsked);
    if (!body.hidden) found += all.length;
    fill(body, isOpen ? all.slice(0, isAsked ? Infinity : Math.max(left, 0)) : []);
    if (isOpen && !isAsked) left -= all.length;
  }
  $('found').textContent = isSearch ? found + (found === 1 ? ' case' : ' cases') : '';
  $('more').hidden = left >= 0;
}

/* --- the tools ----------------------------------------------------------------------------------- */

function setTools() {
  for (const key of ['q', 'only', 'build']) $(key).value = asked[key];
}

function change(values, keepsLimit) {
  Object.assign(asked, values);
  if (!keepsLimit) limit = ROWS;
  writeAddress();
  show();
}

/* Clicks on an area open it, and close it again. */
function onArea(event) {
  const link = event.target.closest('.area th a');
  if (!link) return;
  event.preventDefault();
  const area = link.closest('tbody').dataset.area;
  change({ area: asked.area === area ? '' : area });
}

/* Arrows go from verdict to verdict. */
function onArrow(event) {
  const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const step = steps[event.key];
  const here = event.target.closest('#table td, #table th');
  if (!step || !here || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...document.querySelectorAll('#table tbody:not([hidden]) tr')];
  const y = rows.indexOf(here.parentElement) + step[0];
  const to = rows[y] && rows[y].cells[here.cellIndex + step[1]];
  const link = to && to.querySelector('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}

function startMatrix() {
  const tools = $('tools');
  tools.hidden = false;
  $('table').parentElement.after(make('button', { class: 'more', id: 'more', type: 'button',
    hidden: '' }, 'Show all'));
  tools.addEventListener('input', () => change({ q: $('q').value, only: $('only').value,
    build: $('build').value }));
  tools.addEventListener('submit', (event) => event.preventDefault());
  tools.addEventListener('reset', () => change({ q: '', only: '', build: '', area: '' }));
  $('more').addEventListener('click', () => { limit = Infinity; change({}, true); });
  $('table').addEventListener('click', onArea);
  $('table').addEventListener('keydown', onArrow);
  addEventListener('hashchange', () => { readAddress(); setTools(); show(); });
}

window.iperfspec = {
  /* Called by cases.js. */
  show(data) {
    report = data;
    report.areas = new Map();
    for (const test of data.cases) {
      const area = areaOf(test[0]);
      test.text = (test[0] + ' ' + test[1] + ' ' + test[4]).toLowerCase();
      if (!report.areas.has(area)) report.areas.set(area, []);
      report.areas.get(area).push(test);
    }
    readAddress();
    setTools();
    show();
    const asks = Object.values(asked).some(Boolean);
    if (asks) $('matrix').scrollIntoView();
  },
};

/* --- other pages --------------------------------------------------------------------------------- */

function startClauses() {
  const q = $('q');
  const all = [...document.querySelectorAll('.clause-list article')];
  const texts = all.map((a) => (a.id + ' ' + a.querySelector('p').textContent).toLowerCase());
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.querySelector('details');
    if (details) details.open = true;
  };
  $('clause-tools').hidden = false;
  $('clause-tools').addEventListener('submit', (event) => event.preventDefault());
  q.addEventListener('input', () => {
    const words = q.value.toLowerCase().split(/\s+/).filter(Boolean);
    let n = 0;
    all.forEach((article, i) => {
      article.hidden = !words.every((word) => texts[i].includes(word));
      n += !article.hidden;
    });
    $('found').textContent = words.length ? n + ' clauses' : '';
  });
  addEventListener('hashchange', openTarget);
  openTarget();
}

function copyButton(box) {
  const button = make('button', { type: 'button' }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(box.firstChild.textContent);
      button.textContent = 'Copied';
    } catch {
      getSelection().selectAllChildren(box.firstChild);
      button.textContent = 'Selected';
    }
  });
  box.append(button);
}

if ($('tools')) startMatrix();
if ($('clause-tools')) startClauses();
document.querySelectorAll('.again').forEach(copyButton);
addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.closest('input, select, textarea') || !$('q')) return;
  event.preventDefault();
  $('q').focus();
});
