// The operator's console: asks the gateway every two seconds and shows one view of it.
import { change, counters, hasToken, look, useToken } from './api.js';
import { callView } from './call.js';
import { el } from './dom.js';
import { actionsCard, callsView, historyView, overviewView, registrationsView } from './views.js';

const everyMs = 2000;
const byId = (id) => document.getElementById(id);
const main = byId('view');
let wish = { text: '', outcome: 'all' };
let samples = [];
let shown = ''; // what is on the page: to leave it alone when nothing is new, so that what is open stays open
let history = null;

const route = () => {
  const [, view = '', arg] = location.hash.split('/');
  return { view: view || 'overview', arg: arg && decodeURIComponent(arg) };
};

function problem(text) {
  byId('problem').hidden = !text;
  byId('problem').textContent = text ?? '';
}

function put(key, nodes) {
  if (key === shown) return;
  shown = key;
  main.replaceChildren(...nodes().flat());
}

// ---- views ----

async function overview() {
  const [status, sums] = await Promise.all([look('status'), counters()]);
  samples = [...samples, { at: Date.now(), sums }].slice(-6);
  const nodes = overviewView(status, samples.at(-1), samples.length > 1 ? samples[0] : null);
  if (shown.startsWith('overview') && byId('numbers-of-now')) {
    byId('numbers-of-now').replaceChildren(...nodes);
  } else {
    put('overview', () => [el('div', { id: 'numbers-of-now' }, nodes), el('div', { id: 'actions', hidden: !hasToken() },
      actionsCard({ onLevel: (l) => act(`log from ${l} on`, 'log-level', l),
        onReload: () => act('configuration read', 'reload'),
        onDrain: drain, isDraining: status.state !== 'running' }))]);
  }
  byId('actions').hidden = !hasToken();
  state(status);
}

async function list(verb, make) {
  const items = await look(verb).catch((e) => {
    if (e.status !== 501) throw e;
    return null; // an access gateway alone has contexts, no calls
  });
  const nodes = () => (items ? make(items) : [el('p', {}, 'This process has none: it is an access gateway alone.')]);
  put(verb + JSON.stringify(items), nodes);
}

const views = {
  overview,
  calls: () => list('calls', callsView),
  registrations: () => list('registrations', registrationsView),
  async history() {
    const items = await look('history');
    if (shown === 'history' && history) return history.renew(items);
    history = historyView(items, wish, (next) => { wish = next; });
    return put('history', () => history.nodes);
  },
  async call(id) {
    const call = await look('trace', id).catch((e) => {
      if (e.status !== 404) throw e;
      return null;
    });
    put(`call ${JSON.stringify(call)}`,
      () => (call ? callView(call) : [el('p', {}, `There is no call ${id} in the history.`)]));
  },
};

function state(status) {
  document.body.dataset.state = status.state;
  byId('state').textContent = `${status.state}, ${status.calls} ${status.calls === 1 ? 'call' : 'calls'}`;
}

// ---- the round ----

let timer;
let round = 0;

async function show() {
  const mine = ++round;
  clearTimeout(timer);
  const { view, arg } = route();
  for (const a of document.querySelectorAll('nav a')) {
    if (a.dataset.view === (view === 'call' ? 'history' : view)) a.setAttribute('aria-current', 'page');
    else a.removeAttribute('aria-current');
  }
  byId('sign').hidden = hasToken();
  byId('forget').hidden = !hasToken();
  try {
    await (views[view] ?? views.overview)(arg);
    if (view !== 'overview') state(await look('status'));
    problem();
  } catch (e) {
    document.body.dataset.state = 'unknown';
    byId('state').textContent = 'no answer';
    problem(e.status === 401 ? 'This gateway shows nothing without its token (admin_token).'
      : e.status === 403 ? e.message : `The gateway does not answer: ${e.message}`);
  }
  if (mine === round) timer = setTimeout(() => (document.hidden ? undefined : show()), everyMs);
}

function go() {
  shown = '';
  show().then(() => main.focus({ preventScroll: true }));
}

// ---- what changes something ----

async function act(done, verb, arg) {
  try {
    await change(verb, arg);
    byId('done').textContent = `Done: ${done}.`;
  } catch (e) {
    byId('done').textContent = `Refused: ${e.message}.`;
  }
}

async function drain() {
  byId('sure-what').textContent =
    'No new calls and registrations from now on; the process ends with the last call. Drain?';
  byId('sure').showModal();
  await new Promise((closed) => byId('sure').addEventListener('close', closed, { once: true }));
  if (byId('sure').returnValue === 'yes') await act('draining', 'drain');
}

byId('sign').addEventListener('submit', async (e) => {
  e.preventDefault();
  try {
    await useToken(byId('token').value.trim());
    byId('token').value = '';
    go();
  } catch (error) {
    problem(error.status === 403 ? 'This gateway has no admin_token: nothing can be changed here.' : error.message);
  }
});
byId('forget').addEventListener('click', () => useToken('').then(go));

addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.altKey || e.metaKey) return;
  if (e.key === 'Escape' && route().view === 'call' && !byId('sure').open) location.hash = '#/history';
  if (e.target.matches('input, select, textarea')) return;
  const link = document.querySelectorAll('nav a')[Number(e.key) - 1];
  if (link) location.hash = link.hash;
  if (e.key === '/') {
    e.preventDefault();
    location.hash = '#/history';
    setTimeout(() => byId('search')?.focus(), 300);
  }
});
document.addEventListener('visibilitychange', () => document.hidden || show());
addEventListener('hashchange', go);
go();
