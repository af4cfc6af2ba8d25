// What a page notes of itself while it is measured: when an element first stands on it, and how long each input took until the screen showed it.
import type { CDPSession, Page } from '@playwright/test';

type Noted = { began: number; shown: number; slowest: number; wanted: string };

declare global {
  interface Window {
    noted: Noted;
  }
}

/** Runs in the page, before its own scripts. */
export function observe(): void {
  window.noted = { began: 0, shown: 0, slowest: 0, wanted: '' };
  // Painted is what was there when the frame after it began.
  const afterPaint = (note: () => void) => requestAnimationFrame(() => setTimeout(note));
  const look = () => {
    const { noted } = window;
    if (!noted.wanted || noted.shown || !document.querySelector(noted.wanted)) return;
    noted.shown = -1;
    afterPaint(() => (noted.shown = performance.now()));
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true, attributes: true });
  const begin = (event: Event) => (window.noted.began ||= event.timeStamp);
  // A choice in a list comes as a change alone.
  for (const type of ['pointerdown', 'keydown', 'change']) addEventListener(type, begin, { capture: true });
  const take = (list: PerformanceObserverEntryList) => {
    for (const { duration } of list.getEntries()) window.noted.slowest = Math.max(window.noted.slowest, duration);
  };
  new PerformanceObserver(take).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
}

/** How long from opening the page until `wanted` is painted. */
export async function loadMs(page: Page, path: string, wanted: string): Promise<number> {
  await page.addInitScript((selector) => (window.noted.wanted = selector), wanted);
  await page.goto(path);
  await page.waitForFunction(() => window.noted.shown > 0);
  return page.evaluate(() => window.noted.shown);
}

/** Time after an action in which its events are told. */
const SETTLE_MS = 400;

/** How long an action takes: until the next frame after the slowest of its inputs, and until `wanted` is painted. */
export async function actionMs(page: Page, act: () => Promise<void>, wanted: string): Promise<{ frame_ms: number; shown_ms: number }> {
  await page.evaluate((selector) => (window.noted = { began: 0, shown: 0, slowest: 0, wanted: selector }), wanted);
  await act();
  await page.waitForFunction(() => window.noted.shown > 0);
  await page.waitForTimeout(SETTLE_MS);
  return page.evaluate(() => ({ frame_ms: window.noted.slowest, shown_ms: window.noted.shown - window.noted.began }));
}

export type Held = { heap_mb: number; nodes: number; listeners: number };

/** What a page holds, once what is garbage was collected. */
export async function held(devtools: CDPSession): Promise<Held> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const metric = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { heap_mb: usedSize / 1e6, nodes: metric('Nodes'), listeners: metric('JSEventListeners') };
}
