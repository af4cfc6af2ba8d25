// Pictures of every page at three widths in both themes: to be looked at, not compared.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chromium } from '@playwright/test';

const PORT = 9976;
const url = process.env.AUTOMAP_URL ?? `http://127.0.0.1:${PORT}`;
const out = new URL('../../target/screenshots/', import.meta.url).pathname;
const program = process.env.AUTOMAP ?? new URL('../../target/debug/automap', import.meta.url).pathname;
const only = process.argv[2];

mkdirSync(out, { recursive: true });
const server = spawn(program, ['ui', '--port', String(PORT)], { stdio: 'ignore' });
try {
  for (let i = 0; i < 300 && !(await fetch(`${url}/healthz`).catch(() => undefined)); i += 1) await new Promise((resolve) => setTimeout(resolve, 200));
  const { incidents } = await (await fetch(`${url}/api/v1/incidents`)).json();
  const pages = { now: '/', incident: `/incidents/${incidents[0].id}`, services: '/services', service: '/services/demo/payment', map: '/map?scope=all', missing: '/nowhere' };
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [390, 1280, 1920]) {
      const context = await browser.newContext({ viewport: { width, height: width === 390 ? 844 : 900 }, colorScheme, timezoneId: 'UTC', locale: 'en-GB' });
      for (const [name, path] of Object.entries(pages)) {
        if (only && !name.startsWith(only)) continue;
        const page = await context.newPage();
        await page.goto(url + path);
        await page.waitForSelector(name === 'incident' || name === 'service' ? '.uplot' : 'h1');
        await page.waitForTimeout(700);
        const file = `${out}${name}-${width}-${colorScheme}.png`;
        await page.screenshot({ path: file, fullPage: true });
        console.log(file);
        await page.close();
      }
      await context.close();
    }
  }
  await browser.close();
} finally {
  server.kill();
}
