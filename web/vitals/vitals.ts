// How long a reader waits, and what an open page holds, in a real browser on this machine: `npm run vitals` prints the tables of docs/ui.md. Fails beyond a
// budget. Each time is the median of several loads, since a machine has other things to do; beside it stands the shortest, which tells most where it is busy.
import { cpus, loadavg } from 'node:os';
import { expect, type Page } from '@playwright/test';
import { alertOf, openIncident, test } from '../tests/live/world';
import { actionMs, held, loadMs, observe, type Held } from './page';

const LOADS = Number(process.env.VITALS_LOADS ?? 5);
/** A busy machine takes minutes. */
const LOAD_MS = 180_000;
const FIRST_PAINT_MS = 1000;
const FRAME_MS = 100;
const MEMORY_MB = 60;
/** How long pages stay open while incidents change. */
const MINUTES = Number(process.env.VITALS_MINUTES ?? 10);
const CHANGE_EVERY_MS = 2_000;
const LOOK_EVERY_MS = 30_000;
/** By how much the last third of the looks may lie above the first. */
const GROWTH = 0.1;

type Action = { name: string; wanted: string; act: (page: Page) => Promise<void> };

const link = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name, exact: true });

/** In this order: each begins where the one before ended. */
const ACTIONS: Action[] = [
  { name: 'open the incident', wanted: '.verdict h1', act: (page) => page.locator('a.card').first().click() },
  { name: 'show all services on its map', wanted: '#map svg a[href="/services/demo/shipping"]', act: (page) => page.getByRole('button', { name: 'All services' }).click() },
  { name: 'find a service on it, a letter at a time', wanted: '#map svg g.faint', act: (page) => page.locator('[data-find]').first().pressSequentially('payment', { delay: 40 }) },
  { name: 'open its queries', wanted: '#queries details[open] pre', act: (page) => page.locator('#queries summary').click() },
  { name: 'change to dark', wanted: 'html[data-theme="dark"]', act: async (page) => void (await page.locator('header select').last().selectOption('dark')) },
  { name: 'go to Services', wanted: 'main tbody a', act: (page) => link(page, 'Services').click() },
  { name: 'open a service', wanted: 'main .uplot canvas', act: (page) => page.locator('tbody a', { hasText: 'orders' }).first().click() },
  { name: 'go to Map', wanted: 'main svg.map a', act: (page) => link(page, 'Map').click() },
  { name: 'go to Data', wanted: 'main tbody th', act: (page) => link(page, 'Data').click() },
];

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const rounded = (ms: number): string => (ms < 16 ? '< 16' : String(Math.round(ms)));
const times = (ms: number[]): string[] => [rounded(median(ms)), rounded(Math.min(...ms))];

function print(rows: string[][]): void {
  const [head = []] = rows;
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  console.log(`\n${[line(head), line(head.map((_, i) => (i ? '--:' : '---'))), ...rows.slice(1).map(line)].join('\n')}`);
}

test('how long a reader waits', async ({ browser, baseURL, request }) => {
  test.setTimeout((LOADS + 1) * LOAD_MS);
  const load = loadavg()[0]?.toFixed(1);
  console.log(`\n${cpus().length} × ${cpus()[0]?.model}, load ${load} before; Chromium ${browser.version()}; ${process.env.AUTOMAP ?? 'target/debug/automap'}`);
  const { incidents } = (await (await request.get('/api/v1/incidents')).json()) as { incidents: { id: string }[] };
  const firsts: Record<string, number[]> = {};
  const frames = new Map<string, number[]>();
  const shown = new Map<string, number[]>();
  for (let i = 0; i < LOADS; i += 1) {
    for (const [what, wanted] of [['its verdict', '.verdict h1'], ['its map', '#map svg.map'], ['its charts', '.uplot canvas']] as const) {
      const page = await browser.newPage({ baseURL, viewport: { width: 1280, height: 900 } });
      await page.addInitScript(observe);
      (firsts[what] ??= []).push(await loadMs(page, `/incidents/${incidents[0]?.id}`, wanted));
      await page.close();
    }
    const page = await browser.newPage({ baseURL, viewport: { width: 1280, height: 900 } });
    await page.addInitScript(observe);
    await page.goto('/');
    await page.locator('a.card').waitFor();
    for (const { name, wanted, act } of ACTIONS) {
      const { frame_ms, shown_ms } = await actionMs(page, () => act(page), wanted);
      frames.set(name, [...(frames.get(name) ?? []), frame_ms]);
      shown.set(name, [...(shown.get(name) ?? []), shown_ms]);
    }
    await page.close();
  }
  print([['an incident that is opened by its address', 'painted after, ms', 'at best'], ...Object.entries(firsts).map(([what, ms]) => [what, ...times(ms)])]);
  print([
    ['what is clicked or typed', 'the page reacts after, ms', 'at best', 'it is shown after, ms', 'at best'],
    ...ACTIONS.map(({ name }) => [name, ...times(frames.get(name) ?? []), ...times(shown.get(name) ?? [])]),
  ]);
  expect(median(firsts['its verdict'] ?? []), 'the first incident').toBeLessThanOrEqual(FIRST_PAINT_MS);
  for (const { name } of ACTIONS) expect(median(frames.get(name) ?? []), name).toBeLessThanOrEqual(FRAME_MS);
});

test('what an open page holds while incidents change', async ({ browser, world }) => {
  test.setTimeout((MINUTES + 5) * 60_000);
  const { url } = world.open;
  const { id } = await openIncident(url, 'shop');
  const pages = await Promise.all(['/', `/incidents/${id}`].map(async (path) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(url + path);
    await page.locator(path === '/' ? 'a.card' : '.uplot').first().waitFor();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Performance.enable');
    return { name: path === '/' ? 'Now' : 'the incident', devtools, looks: [] as Held[] };
  }));
  let sent = 0;
  const until = Date.now() + MINUTES * 60_000;
  for (let next = Date.now(); Date.now() < until; ) {
    const body = JSON.stringify(alertOf('calm', 'catalogue', `Unhappy${sent}`));
    const answer = await fetch(`${url}/api/v1/alerts/alertmanager?target=calm`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    if (answer.ok) sent += 1;
    if (Date.now() >= next) {
      next += LOOK_EVERY_MS;
      for (const { devtools, looks } of pages) looks.push(await held(devtools));
    }
    await new Promise((resolve) => setTimeout(resolve, CHANGE_EVERY_MS));
  }
  console.log(`\n${MINUTES} minutes, ${sent} alerts, each a change of an incident that both pages hear of`);
  const third = (looks: Held[], from: number, of: keyof Held) => mean(looks.slice(Math.floor(from * looks.length), Math.ceil((from + 1 / 3) * looks.length)).map((look) => look[of]));
  const row = ({ name, looks }: { name: string; looks: Held[] }) => [
    name,
    ...(['heap_mb', 'nodes', 'listeners'] as const).map((of) => [0, 2 / 3].map((from) => third(looks, from, of).toFixed(of === 'heap_mb' ? 1 : 0)).join(' → ')),
  ];
  print([['page', 'memory of scripts, MB, first third → last', 'DOM nodes', 'listeners'], ...pages.map(row)]);
  for (const { name, looks } of pages) {
    expect(third(looks, 2 / 3, 'heap_mb'), name).toBeLessThanOrEqual((1 + GROWTH) * third(looks, 0, 'heap_mb'));
    expect(looks.at(-1)?.heap_mb, name).toBeLessThanOrEqual(MEMORY_MB);
  }
});
