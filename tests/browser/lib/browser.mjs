// Starts a real browser, headless, with media that needs no device and no click.
// Chromium is driven over the DevTools protocol, Firefox over WebDriver BiDi; above this file they are alike.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

const chromiumFlags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage', '--mute-audio',
  '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required', '--ignore-certificate-errors',
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows', '--allow-loopback-in-peer-connection',
];

const firefoxPrefs = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
  'media.autoplay.block-webaudio': false,
  'media.cubeb.force_mock_context': true, // without a sound card WebAudio would stay suspended
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.gmp-manager.updateEnabled': false, // no OpenH264 download
  'media.gmp-provider.enabled': false,
  'network.http.http3.enable': false,
  'network.dns.disableIPv6': true,
  'dom.min_background_timeout_value': 4,
  'app.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.getAddons.cache.enabled': false,
};

export const browsers = ['chromium', 'firefox'];

const executables = {
  chromium: ['/usr/bin/chromium'],
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
};

function executable(name) {
  const found = (executables[name] ?? []).find(existsSync);
  if (!found) throw new Error(`${name}: not installed (looked for ${executables[name]?.join(', ')})`);
  return found;
}

// A browser with a profile of its own, which close() removes. `log` takes every console line of every page.
export async function launch(name, { log = () => {} } = {}) {
  const profile = mkdtempSync(path.join(tmpdir(), `imsgw-${name}-`));
  const common = { executablePath: executable(name), headless: true, userDataDir: profile, acceptInsecureCerts: true,
    timeout: 120_000, protocolTimeout: 120_000 };
  const browser = await puppeteer.launch(name === 'firefox'
    ? { ...common, browser: 'firefox', extraPrefsFirefox: firefoxPrefs }
    : { ...common, browser: 'chrome', args: chromiumFlags });
  return {
    name,
    async open(url) {
      const page = await browser.newPage();
      page.on('console', (m) => log(`${name} console ${m.type()}: ${m.text()}`));
      page.on('pageerror', (e) => log(`${name} page error: ${e.message}`));
      await page.goto(url, { waitUntil: 'load', timeout: 60_000 });
      return page;
    },
    async close() {
      await browser.close().catch(() => browser.process()?.kill('SIGKILL'));
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
