// Which microphone, camera and loudspeaker. Names are known once the browser gave one of them away.
import { $, make } from './page.js';

const kinds = { microphone: 'audioinput', camera: 'videoinput', speaker: 'audiooutput' };

export async function listDevices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  for (const [id, kind] of Object.entries(kinds)) {
    const chosen = $(id).value;
    const found = all.filter((d) => d.kind === kind && d.deviceId);
    $(id).replaceChildren(
      make('option', { value: '', textContent: 'the usual one' }),
      ...found.map((d, i) => make('option', { value: d.deviceId, textContent: d.label || `${id} ${i + 1}` })),
    );
    $(id).value = found.some((d) => d.deviceId === chosen) ? chosen : '';
    $(id).parentElement.hidden = id === 'speaker' && !('setSinkId' in HTMLMediaElement.prototype);
  }
}

export const chosen = () => ({ microphone: $('microphone').value, camera: $('camera').value });

$('speaker').addEventListener('change', () =>
  $('remote-audio')
    .setSinkId?.($('speaker').value)
    .catch(() => {}),
);
navigator.mediaDevices?.addEventListener('devicechange', listDevices);
$('devices').addEventListener('toggle', listDevices);
