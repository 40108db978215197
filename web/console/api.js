// What the gateway says: GET to look, POST to change. The token stays in this tab.
const place = 'imsgw-token';
let token = sessionStorage.getItem(place) ?? '';

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasToken = () => token !== '';

async function ask(method, path, bearer) {
  const response = await fetch(`api/${path}`, { method, cache: 'no-store', signal: AbortSignal.timeout(10_000),
    headers: bearer ? { Authorization: `Bearer ${bearer}` } : {} });
  const answer = await response.json().catch(() => ({ ok: false, error: 'this is no answer of imsgw' }));
  if (!answer.ok) throw new Refused(response.status, answer.error);
  return answer.data;
}

const join = (verb, arg) => (arg === undefined ? verb : `${verb}/${encodeURIComponent(arg)}`);
export const look = (verb, arg) => ask('GET', join(verb, arg), token);
export const change = (verb, arg) => ask('POST', join(verb, arg), token);

// Takes a token that the gateway takes; an empty one forgets.
export async function useToken(text) {
  if (text) await ask('GET', 'help', text);
  token = text;
  if (text) sessionStorage.setItem(place, text);
  else sessionStorage.removeItem(place);
}

// Counters by name, summed over their labels.
export async function counters() {
  const sums = new Map();
  for (const line of (await look('metrics')).split('\n')) {
    const found = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line);
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]));
  }
  return sums;
}
