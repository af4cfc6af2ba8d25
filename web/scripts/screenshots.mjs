// Pictures of every page at three widths in both themes: to be looked at, not compared. `npm run screenshots -- NAME` takes only pages whose name begins so.
//
// What a recording does not have (objectives, a login, changes, quiet) is put in front of it as the API would answer it.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { chromium } from '@playwright/test';

const PORT = 9976;
const WIDTHS = [390, 1280, 1920];
const TRIES = 300;
const STEP_MS = 200;
const SETTLE_MS = 700;

const url = process.env.AUTOMAP_URL ?? `http://127.0.0.1:${PORT}`;
const out = new URL('../../target/screenshots/', import.meta.url).pathname;
const program = process.env.AUTOMAP ?? new URL('../../target/debug/automap', import.meta.url).pathname;
const only = process.argv[2];

const get = async (path) => (await fetch(`${url}${path}`)).json();

async function ready() {
  for (let i = 0; i < TRIES; i += 1) {
    if ((await fetch(`${url}/healthz`).catch(() => undefined))?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new Error(`${program} does not answer at ${url}`);
}

const SLO = { kind: 'latency', service: 'front-end', group: null, period_d: 30, unknown_because: null };
const SLOS = [
  { ...SLO, slo: 'checkout-fast', objective: 0.99, state: 'burning', budget_left: 0.31, burn_5m: 16.2, burn_30m: 14.9, burn_1h: 9.1, burn_6h: 2.4 },
  { ...SLO, slo: 'checkout', objective: 0.999, state: 'met', budget_left: 0.92, burn_5m: 0.4, burn_30m: 0.5, burn_1h: 0.4, burn_6h: 0.3 },
  { ...SLO, slo: 'catalogue', service: 'catalogue', objective: 0.995, state: 'missed', budget_left: -0.12, burn_5m: 0, burn_30m: 0.2, burn_1h: 0.9, burn_6h: 1.7 },
  { ...SLO, slo: 'search', service: 'search', objective: 0.99, state: 'unknown', budget_left: null, burn_5m: null, burn_30m: null, burn_1h: null, burn_6h: null, unknown_because: 'no events were counted in the last hour' },
];
const NOBODY = { is_required: true, by_token: true, by_password: true, by_provider: 'Example', name: null, role: null, is_logged_in: false, log_out_at: null };

/** A target that is watched and seen, as no recording is. */
const WATCHED = {
  ...{ target: 'sock-shop', source: 'http://prometheus:9090', namespace: 'sock-shop', query_page: null, state: 'watching', summary: '14 services watched', services: 14 },
  ...{ looked: new Date().toISOString(), failing_since: null, source_error: null, store_error: null, open: null, open_incidents: [], signs: [] },
  ...{ ticks: 900, ticks_failed: 0, ticks_late: 0 },
};
const FAULT = { name: 'delay-payment', fault: 'NetworkChaos delay', places: ['payment'] };
const DRILLS = { place: 'the shop of this demo', drills: [{ ...FAULT, lasts_s: 45 }], in_place: [] };

/** What is put in front of the recording: an address, and what is answered there. */
const answers = {
  'objectives-set': [['**/slos', { target: 'demo', slos: SLOS }]],
  login: [['**/api/v1/session', NOBODY]],
  quiet: [
    ['**/api/v1/incidents?**', { incidents: [], next: null }],
    ['**/api/v1/targets', { targets: [WATCHED] }],
  ],
  unseen: [
    ['**/api/v1/incidents?**', { incidents: [], next: null }],
    ['**/api/v1/targets', { targets: [WATCHED, { ...WATCHED, target: 'bank', state: 'blind', summary: 'no requests were seen yet: no metrics of namespace "bank"', services: null, looked: null }] }],
  ],
  'drill-ask': [['**/api/v1/drills', DRILLS]],
  'drill-broken': [['**/api/v1/drills', { ...DRILLS, in_place: [{ ...FAULT, left_s: 38 }] }]],
};

/** What is done before a picture is taken. */
const acts = {
  help: (page) => page.keyboard.press('?'),
  'drill-ask': (page) => page.getByRole('button', { name: 'Inject…' }).click(),
};

async function pages() {
  const { incidents } = await get('/api/v1/incidents');
  const incident = await get(`/api/v1/incidents/${incidents[0].id}`);
  const { windows } = incident.report;
  const second = (at) => `${at.slice(0, 19)}Z`;
  const baseline = `${second(windows.baseline_start)}/${second(windows.baseline_end)}`;
  const stretch = `${second(windows.incident_start)}/${second(windows.incident_end)}`;
  return {
    now: '/',
    quiet: '/',
    unseen: '/',
    help: '/',
    incident: `/incidents/${incident.id}`,
    services: '/services',
    service: '/services/demo/payment',
    map: '/map?scope=all',
    compare: '/compare',
    diagnose: `/diagnose?target=demo&baseline=${baseline}&start=${stretch}`,
    objectives: '/objectives',
    'objectives-set': '/objectives',
    data: '/data',
    chaos: '/chaos?days=all',
    'drill-ask': '/chaos?days=all',
    'drill-broken': '/chaos?days=all',
    login: '/',
    missing: '/nowhere',
  };
}

async function picture(context, name, path, file) {
  const page = await context.newPage();
  for (const [address, body] of answers[name] ?? []) {
    await page.route(address, (route) => route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify(body) }));
  }
  await page.goto(url + path);
  await page.waitForSelector(name === 'incident' || name === 'service' ? '.uplot' : 'main h1');
  await page.waitForFunction(() => !document.querySelector('.waiting'));
  await acts[name]?.(page);
  await page.waitForTimeout(SETTLE_MS);
  await page.screenshot({ path: file, fullPage: true });
  console.log(file);
  await page.close();
}

mkdirSync(out, { recursive: true });
const server = process.env.AUTOMAP_URL ? undefined : spawn(program, ['ui', '--port', String(PORT)], { stdio: 'ignore' });
try {
  await ready();
  const wanted = Object.entries(await pages()).filter(([name]) => !only || name.startsWith(only));
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
  for (const colorScheme of ['light', 'dark']) {
    for (const width of WIDTHS) {
      const viewport = { width, height: width === WIDTHS[0] ? 844 : 900 };
      const context = await browser.newContext({ viewport, colorScheme, timezoneId: 'UTC', locale: 'en-GB' });
      for (const [name, path] of wanted) await picture(context, name, path, `${out}${name}-${width}-${colorScheme}.png`);
      await context.close();
    }
  }
  await browser.close();
} finally {
  server?.kill();
}
