// How long a reader waits, in a real browser on this machine: until an incident is painted, and until something that was clicked or typed shows; and the
// memory that the page's scripts hold then. Fails beyond the budget. Three loads and the median of each, since a machine has other things to do.
import { spawn } from 'node:child_process';
import { chromium } from '@playwright/test';

const PORT = 9975;
const LOADS = 3;
const FIRST_PAINT_MS = 1000;
const INTERACTION_MS = 100;
const MEMORY_MB = 60;
const url = `http://127.0.0.1:${PORT}`;
const program = process.env.AUTOMAP ?? new URL('../../target/debug/automap', import.meta.url).pathname;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Notes when an element first stands on the page, in the next frame after that, and how long each event took until it was painted. */
function observe() {
  globalThis.vitals = { seen: {}, events: [] };
  const wanted = { verdict: '.verdict h1', map: '#map svg.map, svg.map', charts: '.uplot canvas' };
  const look = () => {
    for (const [name, selector] of Object.entries(wanted)) {
      if (globalThis.vitals.seen[name] === undefined && document.querySelector(selector)) {
        globalThis.vitals.seen[name] = -1;
        requestAnimationFrame(() => setTimeout(() => (globalThis.vitals.seen[name] = performance.now())));
      }
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  new PerformanceObserver((list) => globalThis.vitals.events.push(...list.getEntries().map((e) => [e.name, e.duration]))).observe({ type: 'event', durationThreshold: 16 });
}

async function load(browser, incident) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.addInitScript(observe);
  await page.goto(`${url}/incidents/${incident}`);
  await page.waitForFunction(() => globalThis.vitals.seen.charts > 0 && globalThis.vitals.seen.map > 0);
  const seen = await page.evaluate(() => globalThis.vitals.seen);
  // What people do on an incident: search the map, change its part, open queries, walk, change the theme.
  await page.getByRole('button', { name: 'All services' }).click();
  await page.waitForTimeout(500);
  await page.locator('[data-find]').first().pressSequentially('payment', { delay: 40 });
  await page.locator('#queries summary').click();
  await page.keyboard.press('?');
  await page.keyboard.press('Escape');
  await page.locator('header select').last().selectOption('dark');
  await page.waitForTimeout(500);
  const events = await page.evaluate(() => globalThis.vitals.events);
  // What the page itself holds, once what is garbage was collected.
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  await page.close();
  return { ...seen, memory_mb: usedSize / 1e6, interaction: Math.max(0, ...events.map(([, ms]) => ms)), worst: events.toSorted((a, b) => b[1] - a[1])[0]?.[0] ?? '-' };
}

const server = spawn(program, ['ui', '--port', String(PORT)], { stdio: 'ignore' });
try {
  for (let i = 0; i < 300 && !(await fetch(`${url}/healthz`).catch(() => undefined)); i += 1) await new Promise((resolve) => setTimeout(resolve, 200));
  const { incidents } = await (await fetch(`${url}/api/v1/incidents`)).json();
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  const loads = [];
  for (let i = 0; i < LOADS; i += 1) loads.push(await load(browser, incidents[0].id));
  await browser.close();
  const first = median(loads.map((l) => l.verdict));
  const interaction = median(loads.map((l) => l.interaction));
  console.log(`incident painted      ${Math.round(first)} ms (at most ${FIRST_PAINT_MS})`);
  console.log(`its map               ${Math.round(median(loads.map((l) => l.map)))} ms`);
  console.log(`its charts            ${Math.round(median(loads.map((l) => l.charts)))} ms`);
  console.log(`slowest interaction   ${Math.round(interaction)} ms (at most ${INTERACTION_MS}), ${loads[0].worst}`);
  const memory = median(loads.map((l) => l.memory_mb));
  console.log(`memory of scripts     ${memory.toFixed(1)} MB (at most ${MEMORY_MB})`);
  if (first > FIRST_PAINT_MS || interaction > INTERACTION_MS || memory > MEMORY_MB) process.exitCode = 1;
} finally {
  server.kill();
}
