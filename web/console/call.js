// The page of one call: how it went, what went wrong, the ladder, the steps of its media, SDP before and after.
import { card, clock, el, facts } from './dom.js';
import { diff } from './diff.js';

const seconds = (call, at) => `${((at - call.begun_ms) / 1000).toFixed(3)} s`;
const what = (e) => (e.status ? e.start.slice(8) : e.start.split(' ')[0]) + (e.sdp ? ' (SDP)' : '');
const isGood = (e) => (e.kind === 'sip' ? e.status < 400 || e.out || e.status === 401 || e.status === 407 : e.good);

function ladderRow(call, e) {
  const time = el('span', { class: 'at' }, seconds(call, e.at_ms));
  if (e.kind !== 'sip')
    return el('li', { class: `note ${isGood(e) ? '' : 'bad'}` }, time, el('span', { class: 'lane' },
      el('span', { class: 'said' }, `${isGood(e) ? '' : '! '}${e.text}`)));
  const toRight = (e.leg === 'access') !== e.out;
  const way = e.leg === 'access' ? ['access', 'imsgw'] : ['imsgw', 'core'];
  const label = `${toRight ? way[0] : way[1]} to ${toRight ? way[1] : way[0]}`;
  return el('li', { class: `sip ${e.leg} ${toRight ? 'right' : 'left'} ${isGood(e) ? '' : 'bad'}` },
    el('details', {},
      el('summary', {}, time, el('span', { class: 'lane' },
        el('span', { class: 'arrow' }, el('span', { class: 'hidden' }, `${label}: `), what(e)))),
      el('p', { class: 'soft' }, `${label}, ${e.transport} ${e.peer}, ${clock(e.at_ms)}`),
      el('pre', {}, e.text)));
}

const ladder = (call) => card('Ladder',
  el('p', { class: 'lanes', 'aria-hidden': 'true' }, ['access', 'imsgw', 'core'].map((lane) => el('span', {}, lane))),
  el('ol', { class: 'ladder' }, call.events.map((e) => ladderRow(call, e))),
  call.left_out > 0 && el('p', { class: 'soft' }, `${call.left_out} later events were not kept.`));

// The first is how the browser came; a step is "NAME: outcome".
function steps(call) {
  const rows = call.events.filter((e) => e.kind === 'step').map((e) => {
    const at = e.text.indexOf(': ');
    return { name: e.text.slice(0, at), outcome: e.text.slice(at + 2), good: e.good, at_ms: e.at_ms };
  });
  const came = call.events.find((e) => e.kind === 'sip' && e.leg === 'access');
  if (came) rows.unshift({ name: 'WebSocket', outcome: `${came.transport} with ${came.peer}`, good: true,
    at_ms: came.at_ms });
  const sent = call.events.find((e) => e.kind === 'sip' && e.leg === 'core' && !e.out);
  if (sent) rows.push({ name: 'core leg', outcome: `${sent.transport} with ${sent.peer}`, good: true,
    at_ms: sent.at_ms });
  return rows.sort((a, b) => a.at_ms - b.at_ms);
}

const timeline = (call) => card('Media, step by step', el('ol', { class: 'steps' }, steps(call).map((s) =>
  el('li', { class: s.good ? 'good' : 'bad' }, el('span', { class: 'at' }, seconds(call, s.at_ms)),
    el('strong', {}, s.name), el('span', {}, `${s.good ? '✓' : '✗'} ${s.outcome}`)))));

function pair(e) {
  const from = e.leg === 'access' ? 'access' : 'core';
  const rows = diff(e.sdp, e.sdp_after ?? '');
  const cell = (text, mark, kind) => el('span', { class: text === undefined ? 'none' : kind },
    text === undefined ? '' : `${mark} ${text}`);
  return el('details', { class: 'sdp' },
    el('summary', {}, `SDP of the ${from} in ${what(e)}${e.sdp_after ? ', before and after' : ': nothing went on'}`),
    el('p', { class: 'sides', 'aria-hidden': 'true' }, el('span', {}, 'as it came'), el('span', {}, 'as it went on')),
    el('div', { class: 'diff' }, rows.map((r) => el('div', { class: r.isSame ? 'same' : '' },
      r.isSame ? [cell(r.before, ' ', 'kept'), cell(r.after, ' ', 'kept')]
        : [cell(r.before, '−', 'gone'), cell(r.after, '+', 'come')]))));
}

function sdp(call) {
  const pairs = call.events.filter((e) => e.sdp !== undefined && !e.out);
  if (pairs.length === 0) return card('SDP before and after', el('p', { class: 'soft' }, 'There was none.'));
  const all = pairs.map(pair);
  all[0].open = true;
  return card('SDP before and after', all);
}

export function callView(call) {
  const isFine = call.troubles.length === 0;
  return [
    el('section', { class: `card verdict ${isFine ? 'good' : 'bad'}`, id: 'verdict' },
      el('h2', {}, `Call ${call.call || '(none was made of it)'}`),
      el('p', {}, el('strong', {}, `${call.verdict[0].toUpperCase()}${call.verdict.slice(1)}.`),
        isFine ? ' Nothing went wrong that was seen here.' : ''),
      !isFine && el('ul', {}, call.troubles.map((t) => el('li', {}, t))),
      facts([['begun', new Date(call.begun_ms).toLocaleString()],
        ['ended', call.ended_ms ? new Date(call.ended_ms).toLocaleString() : 'not yet'],
        ['Call-ID, access', call.call_ids[0] || '–'], ['Call-ID, core', call.call_ids[1] || '–']])),
    el('div', { class: 'two' }, ladder(call), timeline(call)),
    sdp(call),
  ];
}
