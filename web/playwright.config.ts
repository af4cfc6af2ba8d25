import { defineConfig } from '@playwright/test';
import { chromium } from './tests/chromium';

// A real `automap ui` serves the page that was built into it, and those of `LIVE` start an `automap serve` on a Prometheus of its own; nothing is
// downloaded, and every test has a page of its own.
export const PORT = 9979;
/** Those that need a watcher. */
const LIVE = ['live.spec.ts', 'embed.spec.ts'];

export default defineConfig({
  testDir: 'tests',
  testMatch: '*.spec.ts',
  timeout: 90_000,
  expect: { timeout: 30_000 },
  workers: 1,
  projects: [
    { name: 'recorded', testIgnore: LIVE },
    // A watcher looks at its targets every second or two, and waits until it is sure.
    { name: 'live', testMatch: LIVE, timeout: 240_000, expect: { timeout: 90_000 } },
    // Times and memory, which are measured and not tested: `npm run vitals`.
    { name: 'vitals', testDir: 'vitals', testMatch: 'vitals.ts', timeout: 240_000 },
  ],
  reporter: 'line',
  use: {
    baseURL: `http://127.0.0.1:${PORT}`,
    launchOptions: { executablePath: chromium(), args: ['--no-sandbox'] },
    locale: 'en-GB',
    timezoneId: 'UTC',
  },
  webServer: {
    command: `${process.env.AUTOMAP ?? '../target/debug/automap'} ui --port ${PORT}`,
    url: `http://127.0.0.1:${PORT}/healthz`,
    timeout: 120_000,
  },
});
