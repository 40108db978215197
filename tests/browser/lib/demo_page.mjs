// The demo page by its own controls.
import { readFileSync } from 'node:fs';
import { until } from './check.mjs';

export const judge = readFileSync(new URL('../dist/judge.js', import.meta.url), 'utf8');

export const shows = (page, what, selector, pattern, timeoutMs) => until(what,
  () => page.evaluate((s) => document.querySelector(s)?.innerText ?? '', selector), (text) => pattern.test(text), timeoutMs);
export const phase = (page, call) => until(`the page is ${call}`,
  () => page.evaluate(() => document.body.dataset.call), (c) => c === call);
export const has = (page, kind, is = true) => until(`${kind} is ${is ? 'open' : 'gone'}`,
  () => page.evaluate((c) => document.body.classList.contains(c), `has-${kind}`), (v) => v === is);

export async function signIn(browser, gateway, user) {
  const page = await browser.open(`${gateway.page}#${user}`);
  await page.evaluate(judge);
  await until('the form is filled in', () => page.evaluate(() => document.getElementById('domain').value));
  await page.evaluate((password, domain) => {
    document.getElementById('password').value = password;
    document.getElementById('domain').value = domain;
  }, 'demo', 'ims.example');
  await page.click('#signin button');
  await shows(page, `${user} is signed in`, '#status', new RegExp(`^${user}@`));
  await page.select('#source', 'test');
  return page;
}

export async function dial(page, target, button) {
  await page.evaluate(() => { document.getElementById('target').value = ''; });
  await page.type('#target', target);
  await page.click(button);
}
