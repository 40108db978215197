// What the demo page offers beside the voice, by its own controls: chat and files, real-time text, the floor, transfer,
// quality; with the demo core and with another page. And how it looks (lib/layout.mjs).
//   talk.test.mjs chromium|firefox
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startDemoCore } from '../peers/demo_core/demo_core.mjs';
import { launch } from './lib/browser.mjs';
import { hears, until } from './lib/check.mjs';
import { dial, has, phase, shows, signIn } from './lib/demo_page.mjs';
import { startGateway } from './lib/gateway.mjs';
import { looksRight } from './lib/layout.mjs';
import { reservePorts } from './lib/ports.mjs';
import { Run } from './lib/run.mjs';

const [browserName = 'chromium'] = process.argv.slice(2);

const say = async (page, text) => {
  await page.type('#chat-text', text);
  await page.click('#chat-form button');
};
const hangUp = async (...pages) => {
  await pages[0].click('#hangup');
  await Promise.all(pages.map((p) => phase(p, 'none')));
};

async function withCore(run, page) {
  await run.step('the page before a call looks right', () => looksRight(page, 'page'));
  await run.step('a video call to echo with chat, text and floor', async () => {
    await page.click('#with-floor');
    await dial(page, 'echo', '#call-video');
    await phase(page, 'active');
    await Promise.all(['chat', 'text', 'floor'].map((kind) => has(page, kind)));
  });
  await run.step('chat comes back, and who writes is told', async () => {
    await say(page, 'hello echo');
    await shows(page, 'the echo', '#chat-log .peer', /^hello echo$/);
  });
  await run.step('a file goes and comes back with its name', async () => {
    const file = path.join(run.dir, 'picture of the day.bin');
    await page.evaluate(() => {
      // its policy forbids to fetch what it saves
      const url = URL.createObjectURL;
      URL.createObjectURL = (blob) => url.call(URL, (window.saved = blob));
    });
    writeFileSync(file, Buffer.alloc(500_000, 'imsgw'));
    await (await page.$('#chat-file')).uploadFile(file);
    await shows(page, 'it is sent', '#chat-log', /500 kB, sent/);
    await until(
      'it came',
      () => page.evaluate(() => document.querySelector('#chat-log a')?.download),
      (n) => n === path.basename(file),
    );
    const same = await page.evaluate(async () => (await window.saved.text()) === 'imsgw'.repeat(100_000));
    if (!same) throw new Error('the file is another');
  });
  await run.step('text is seen while it is typed, and taken back', async () => {
    await page.type('#text-own', 'see yoo');
    await page.keyboard.press('Backspace');
    await page.type('#text-own', 'u');
    await shows(page, 'the echo', '#text-peer', /^see you$/);
  });
  await run.step('the floor is asked for and given back', async () => {
    await page.click('#floor');
    await shows(page, 'granted', '#floor-state', /You have the floor/);
    await looksRight(page, 'call');
    await page.click('#floor');
    await shows(page, 'free', '#floor-state', /free/);
  });
  await run.step('quality and protection are shown', async () => {
    await shows(page, 'quality', '#quality', /loss \d+\.\d % · jitter \d+ ms/);
    await shows(page, 'channels', '#protect', /data channels in the same DTLS, connected/);
    await shows(page, 'fingerprint', '#protect', /sha-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}/i);
    await until(
      'the plot',
      () => page.evaluate(() => document.querySelectorAll('#plot polyline').length),
      (n) => n === 2,
    );
  });
  await run.step('the sound was never in the way, and hanging up closes all', async () => {
    await hears(page, 440);
    await hangUp(page);
    await has(page, 'chat', false);
    await page.click('#with-floor');
  });
}

async function betweenPages(run, alice, bob) {
  await run.step('alice calls bob with chat and text', async () => {
    await dial(alice, 'bob', '#call-audio');
    await phase(bob, 'incoming');
    await bob.click('#answer-audio');
    await Promise.all([alice, bob].flatMap((p) => [phase(p, 'active'), has(p, 'chat'), has(p, 'text')]));
  });
  await run.step('they chat, and see each other write', async () => {
    await say(alice, 'hi bob');
    await shows(bob, 'the message', '#chat-log', /hi bob/);
    await bob.type('#chat-text', 'hi');
    await shows(alice, 'bob writes', '#chat-composing', /writing/);
    await bob.keyboard.press('Enter');
    await shows(alice, 'the answer', '#chat-log', /hi$/);
  });
  await run.step('each sees what the other types', async () => {
    await alice.type('#text-own', 'über');
    await bob.type('#text-own', 'under');
    await Promise.all([shows(bob, 'text', '#text-peer', /^über$/), shows(alice, 'text', '#text-peer', /^under$/)]);
  });
  await run.step('a call passed on at once', async () => {
    await alice.click('#transfer');
    await alice.type('#transfer-to', 'echo');
    await alice.click('#transfer-form button[value=now]');
    await phase(alice, 'none');
    await shows(bob, 'with echo', '#peer', /echo/);
    await phase(bob, 'active');
    await hears(bob, 440);
    await hangUp(bob);
  });
}

async function afterAWord(run, alice, bob) {
  await run.step('alice calls bob and talks with another before she passes him on', async () => {
    await dial(alice, 'bob', '#call-audio');
    await phase(bob, 'incoming');
    await bob.click('#answer-audio');
    await Promise.all([phase(alice, 'active'), phase(bob, 'active')]);
    await alice.click('#transfer');
    await alice.type('#transfer-to', 'dtmf');
    await alice.click('#transfer-form button[value=ask]');
    await shows(alice, 'she talks with dtmf', '#peer', /dtmf/);
    await phase(alice, 'active');
    await hears(alice, 440);
  });
  await run.step('she thinks better of it, and is back with bob', async () => {
    await alice.click('#hangup');
    await shows(alice, 'bob again', '#peer', /bob/);
    await phase(alice, 'active');
    await Promise.all([hears(alice, 440), hears(bob, 440)]);
  });
  await hangUp(alice, bob);
}

async function joined(run, alice, bob, carol) {
  await run.step('alice calls bob, asks carol, and joins the two', async () => {
    await dial(alice, 'bob', '#call-audio');
    await phase(bob, 'incoming');
    await bob.click('#answer-audio');
    await Promise.all([phase(alice, 'active'), phase(bob, 'active')]);
    await alice.click('#transfer');
    await alice.type('#transfer-to', 'carol');
    await alice.click('#transfer-form button[value=ask]');
    await phase(carol, 'incoming');
    await carol.click('#answer-audio');
    await Promise.all([shows(alice, 'she talks with carol', '#peer', /carol/), phase(carol, 'active')]);
    await alice.click('#complete');
    await phase(alice, 'none');
    await Promise.all([shows(bob, 'with carol', '#peer', /carol/), shows(carol, 'with bob', '#peer', /bob/)]);
    await Promise.all([phase(bob, 'active'), phase(carol, 'active')]);
    await Promise.all([hears(bob, 440), hears(carol, 440)]);
  });
  await hangUp(bob, carol);
}

await Run.main(`talk ${browserName}`, async (run) => {
  const base = await reservePorts(run);
  const core = await run.step('core starts', () => startDemoCore(run, base, [base + 10, base + 38]));
  const gateway = await run.step('gateway starts', () => startGateway(run, { base, core }));
  const open = async (user) => {
    const browser = run.use(await launch(browserName, { log: (line) => run.log(`browser-${user}`, line) }));
    return signIn(browser, gateway, user);
  };
  const alice = await run.step('alice signs in', () => open('alice'));
  let bob = null;
  run.onFailure = async () => {
    for (const p of [alice, bob].filter(Boolean)) run.log('page', await p.evaluate(() => document.body.innerText));
  };
  await withCore(run, alice);
  bob = await run.step('bob signs in', () => open('bob'));
  await betweenPages(run, alice, bob);
  await afterAWord(run, alice, bob);
  await joined(run, alice, bob, await run.step('carol signs in', () => open('carol')));
});
