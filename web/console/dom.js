// Elements from data. Text is always text: nothing that a peer sent is read as HTML.
export function el(name, props = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (key === 'data') Object.assign(e.dataset, value);
    else e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat().filter((c) => c !== undefined && c !== null && c !== false));
  return e;
}

export const card = (title, ...children) => el('section', { class: 'card' }, el('h2', {}, title), ...children);

// [[name, value], ...] as a list of facts.
export const facts = (rows) => el('dl', {}, rows.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]));

// rows: arrays of cells as long as `columns`. On a phone each row is a card, so each cell knows its column.
export function table(caption, columns, rows, empty) {
  if (rows.length === 0) return el('p', { class: 'soft' }, empty);
  return el('table', {}, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, columns.map((c) => el('th', { scope: 'col' }, c)))),
    el('tbody', {}, rows.map((cells) => el('tr', {},
      cells.map((c, i) => el('td', { data: { label: columns[i] } }, c))))));
}

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

export function span(seconds) {
  const s = Math.max(0, Math.round(seconds));
  const parts = [[Math.floor(s / 86400), 'd'], [Math.floor(s / 3600) % 24, 'h'], [Math.floor(s / 60) % 60, 'min'],
    [s % 60, 's']];
  const from = parts.findIndex(([n]) => n > 0);
  return from < 0 ? '0 s' : parts.slice(from, from + 2).map(([n, unit]) => `${n} ${unit}`).join(' ');
}
