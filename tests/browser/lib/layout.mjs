// How a page looks: nothing wider than the screen, no text cut, no controls over each other; axe-core's judgement;
// pictures.
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const sizes = [[1280, 800], [360, 740]];

// Run in the page. Faults as sentences.
function faults() {
  const found = [];
  const isSeen = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const name = (e) => `${e.tagName.toLowerCase()}${e.id ? `#${e.id}` : ''} "${e.textContent.trim().slice(0, 20)}"`;
  if (document.documentElement.scrollWidth > innerWidth)
    found.push(`page is ${document.documentElement.scrollWidth} wide on a screen of ${innerWidth}`);
  for (const e of document.querySelectorAll('button, label, h1, h2, legend, summary, p, dt, dd, output, strong, li'))
    if (isSeen(e) && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline')
      found.push(`text cut in ${name(e)}`);
  const boxes = [...document.querySelectorAll('.card, header, button, input, select, textarea, summary, meter, h2')]
    .filter(isSeen);
  for (const a of boxes)
    for (const b of boxes) {
      const [p, q] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
      const isOver = p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1;
      if (a !== b && isOver && !a.contains(b) && !b.contains(a)) found.push(`${name(a)} over ${name(b)}`);
    }
  return [...new Set(found)];
}

// Both widths, both themes. Pictures go to $IMSGW_SCREENSHOTS when it is set, as NAME-WIDTH-THEME.png.
export async function looksRight(page, name) {
  const wrong = [];
  const folder = process.env.IMSGW_SCREENSHOTS;
  const before = page.viewport();
  if (folder) mkdirSync(folder, { recursive: true });
  for (const [width, height] of sizes)
    for (const theme of ['light', 'dark']) {
      await page.setViewport({ width, height });
      await setTheme(page, theme);
      wrong.push(...(await page.evaluate(faults)).map((f) => `${name} ${width} ${theme}: ${f}`));
      wrong.push(...(await judged(page)).map((f) => `${name} ${width} ${theme}: ${f}`));
      if (folder) await page.screenshot({ path: path.join(folder, `${name}-${width}-${theme}.png`), fullPage: true });
    }
  if (before) await page.setViewport(before);
  else await page.setViewport({ width: 1280, height: 800 });
  if (wrong.length) throw new Error(wrong.join('\n'));
}

// Firefox over BiDi has no media features: there the page is judged in the theme that it has.
const setTheme = (page, theme) =>
  page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]).catch((e) => {
    if (!/not supported|unsupported|unknown command/i.test(`${e.name} ${e.message}`)) throw e;
  });

async function judged(page) {
  if (!(await page.evaluate(() => typeof window.axe === 'object'))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.filter((v) => ['serious', 'critical'].includes(v.impact))
    .map((v) => `axe ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.any[0]?.message ?? ''}`).join(', ')}`);
}
