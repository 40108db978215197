// What most tests of calls begin with: core, gateway, a phone `ben` and a client `ann`, each registered.
import { Aiortc } from '../../peers/aiortc/aiortc.mjs';
import { Baresip } from '../../peers/baresip/baresip.mjs';
import { startKamailio } from '../../peers/kamailio/kamailio.mjs';
import { launch } from './browser.mjs';
import { ask, colours, hears, sees, until } from './check.mjs';
import { startGateway } from './gateway.mjs';
import { reservePorts } from './ports.mjs';
import { serve } from './site.mjs';

export const bars = [[230, 20, 20], [20, 230, 20], [20, 20, 230]]; // what the phone draws
export const pageHz = 440;
export const phoneHz = 1000;
export const pageColour = colours.red;

export const state = (page, what, holds) => until(what, () => ask(page, 'state'), holds);
export const inCall = (page, call) => state(page, `the page's call is ${call}`, (s) => s.call === call);

// Both tones, and both pictures where there are any.
export async function media(page, phone, { video }) {
  await Promise.all([hears(page, phoneHz), phone.hears(pageHz)]);
  if (video) await Promise.all([sees(page, bars), phone.sees(pageColour)]);
}

// options: browser (chromium, firefox or aiortc), library, conf (of the gateway), phone (of baresip), route (parameters
// of the URI of the core)
export async function startLab(run, { browser: browserName, library, conf = {}, phone: phoneOptions = {}, route = '' }) {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startKamailio(run, base, base + 2));
  const site = run.use(await serve());
  const gateway = await run.step('gateway starts', () =>
    startGateway(run, { base, core, conf: { ws_origins: site.origin, core_route: `${core.uri};lr${route}`, ...conf } }));
  const startPhone = async (user, first, options) => {
    const p = await Baresip.start(run, { user, password: core.password, domain: core.domain, proxy: core.uri,
      sipPort: base + first, controlPort: base + first + 2, rtpPorts: [base + first + 4, base + first + 18], hz: phoneHz, ...options });
    await p.registered();
    return p;
  };
  const phone = await run.step('phone registers', () => startPhone('ben', 4, phoneOptions));
  const page = await run.step('client starts', async () => {
    if (browserName === 'aiortc') return new Aiortc(run);
    const browser = run.use(await launch(browserName, { log: (line) => run.log('browser', line) }));
    return browser.open(`${site.origin}/${library}.html`);
  });
  await run.step('the client registers', async () => {
    await ask(page, 'start', { url: gateway.url, user: 'ann', password: core.password, domain: core.domain, hz: pageHz,
      rgb: pageColour });
    await state(page, 'registered', (s) => s.registered);
  });
  run.onFailure = async () => run.log('client',
    JSON.stringify({ state: await ask(page, 'state'), sdp: await ask(page, 'sdp') }, null, 1).replaceAll('\\r\\n', '\n   '));
  return { base, core, origin: site.origin, gateway, phone, page, anotherPhone: (options) => startPhone('cat', 80, options), phoneUri: `sip:ben@${core.domain}`, pageUri: `sip:ann@${core.domain}` };
}
