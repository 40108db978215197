// The lists: overview, live calls, registrations, history.
import { card, clock, el, facts, span, table } from './dom.js';

const callLink = (id, text = id) => el('a', { href: `#/call/${encodeURIComponent(id)}` }, text);

// ---- overview ----

const rates = [
  ['calls', 'imsgw_calls_total', 60, 'a minute'],
  ['SIP messages', 'imsgw_sip_messages_total', 1, 'a second'],
  ['media packets', 'imsgw_media_received_total', 1, 'a second'],
  ['refused calls', 'imsgw_call_refused_total', 60, 'a minute'],
];

const rate = (now, before, name, per) => {
  const passed = (now.at - before.at) / 1000;
  return passed > 0 ? (((now.sums.get(name) ?? 0) - (before.sums.get(name) ?? 0)) / passed * per).toFixed(1) : '–';
};

export function overviewView(status, now, before) {
  const number = (value, text) => el('li', {}, el('strong', {}, String(value)), ` ${text}`);
  return [
    el('ul', { class: 'numbers' }, number(status.calls, 'calls'), number(status.registrations, 'registrations'),
      number(status.contexts, 'media contexts'), number(status.workers, 'workers')),
    el('div', { class: 'two' },
      card('Gateway', facts([['version', status.version], ['state', status.state], ['role', status.role],
        ['uptime', span(status.uptime_s)]])),
      card('Rates', facts(rates.map(([title, name, per, unit]) =>
        [title, before ? `${rate(now, before, name, per)} ${unit}` : '…'])))),
  ];
}

// What changes something; only with a token.
export function actionsCard({ onLevel, onReload, onDrain, isDraining }) {
  const level = el('select', { id: 'level' }, ['error', 'warning', 'info', 'debug'].map((l) =>
    el('option', { selected: l === 'info' }, l)));
  return card('Actions', el('div', { class: 'actions' },
    el('label', { for: 'level' }, 'Log from'), level,
    el('button', { id: 'set-level', onclick: () => onLevel(level.value) }, 'Set log level'),
    el('button', { id: 'reload', onclick: onReload }, 'Reload configuration'),
    el('button', { id: 'drain', class: 'stop', disabled: isDraining, onclick: onDrain },
      isDraining ? 'Draining' : 'Drain')),
  el('p', { id: 'done', role: 'status' }));
}

// ---- live calls and registrations ----

const party = (address) => /<([^>]*)>/.exec(address ?? '')?.[1] ?? address ?? '–';

export const callsView = (calls) => [card('Live calls', table(`${calls.length} live`,
  ['Call', 'State', 'Caller', 'Callee', 'Since'],
  calls.map((c) => [callLink(c.call), c.state, party(c.caller), party(c.callee),
    c.answered ?? c.started ? clock(Date.parse(c.answered ?? c.started)) : '–']), 'No call is up.'))];

export const registrationsView = (list) => [card('Registrations', table(`${list.length} registered`,
  ['Identity', 'Contact', 'Connection', 'Expires in'],
  list.map((r) => [r.identities[0] ?? r.aor, r.contact, r.connected ? `#${r.flow}` : 'gone', span(r.expires_s)]),
  'Nobody is registered.'))];

// ---- history ----

const outcomes = {
  all: () => true,
  answered: (c) => c.status >= 200 && c.status < 300,
  refused: (c) => c.status >= 300,
  unanswered: (c) => c.status === 0,
  troubled: (c) => c.troubles > 0,
};

const matches = (c, words) => words.every((w) =>
  [c.call, c.call_id, c.caller, c.callee, c.verdict].some((t) => t.toLowerCase().includes(w)));

// Keeps its search while the list is renewed under it.
export function historyView(list, wish, onWish) {
  const results = el('div', { id: 'found' });
  const show = () => {
    const words = wish.text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = list.filter((c) => outcomes[wish.outcome](c) && matches(c, words));
    results.replaceChildren(table(`${found.length} of ${list.length} calls, newest first`,
      ['Time', 'Call', 'Caller', 'Callee', 'Outcome'],
      found.map((c) => [new Date(c.begun_ms).toLocaleString([], { hour12: false }),
        callLink(c.call || c.call_id, c.call || '(none)'),
        c.caller || '–', c.callee || '–',
        el('span', { class: `outcome ${c.troubles ? 'bad' : 'good'}` },
          c.troubles ? `✗ ${c.verdict}, ${c.troubles} went wrong` : `✓ ${c.verdict}`)]),
      list.length ? 'Nothing matches.' : 'There was no call yet, or trace_calls is 0.'));
  };
  const wished = (change) => {
    wish = { ...wish, ...change };
    onWish(wish);
    show();
  };
  const search = el('input', { id: 'search', type: 'search', placeholder: 'caller, callee, id, outcome',
    value: wish.text,
    spellcheck: 'false', oninput: () => wished({ text: search.value }) });
  const filter = el('select', { id: 'outcome', onchange: () => wished({ outcome: filter.value }) },
    Object.keys(outcomes).map((o) => el('option', { selected: o === wish.outcome }, o)));
  show();
  return { nodes: [card('History', el('div', { class: 'filter' }, el('label', { for: 'search' }, 'Search'), search,
    el('label', { for: 'outcome' }, 'Outcome'), filter), results)], renew: (next) => {
    if (JSON.stringify(next) === JSON.stringify(list)) return; // what has the focus stays where it is
    list = next;
    show();
  } };
}
