// States that a recording does not have, with scripted answers in front of the same server: learning, a source that is down, a role that may not, a
// server that goes away and comes back, and names that try to be more than text.
import { expect, test, type Page } from '@playwright/test';

const target = {
  target: 'shop',
  source: 'http://prometheus:9090',
  state: 'watching',
  summary: '14 services watched',
  looked: new Date().toISOString(),
  failing_since: null,
  source_error: null,
  store_error: null,
  open: null,
  open_incidents: [],
  services: 14,
  signs: [],
  ticks: 9,
  ticks_failed: 0,
  ticks_late: 0,
};

const json = (value: unknown, status = 200) => ({ status, contentType: 'application/json', body: JSON.stringify(value) });

async function answers(page: Page, more: Partial<typeof target>, incidents: unknown[] = []): Promise<void> {
  await page.route('**/api/v1/targets', (route) => route.fulfill(json({ targets: [{ ...target, ...more }] })));
  await page.route('**/api/v1/incidents?**', (route) => route.fulfill(json({ incidents, next: null })));
  await page.route('**/api/v1/targets/shop/report', (route) => route.fulfill(json({ detail: 'none yet', next: '' }, 404)));
}

test('quiet is said only where everything is seen', async ({ page }) => {
  await answers(page, {});
  await page.goto('/');
  await expect(page.locator('h1')).toHaveText('All quiet');
});

test('a recording says that it is one, and that its incident is over', async ({ page }) => {
  const at = '2025-11-23T14:03:15Z';
  const over = {
    ...{ schema_version: 1, id: 'shop-1', target: 'shop', state: 'closed', severity: 'warning', revision: 1, onset: at, opened: at, updated: at, closed: at },
    ...{ title: 'payment', cause: { service: 'payment', mechanism: null, confidence: 0.9, change: null }, symptoms: [], victims: [], slos: [], alerts: [] },
    ...{ reopened: 0, owner: null, confirmed: null, muted: null, timeline: [], report: null },
  };
  await answers(page, { state: 'recorded', summary: 'a recording: one incident, closed', looked: at }, [over]);
  await page.goto('/');
  await expect(page.locator('h1')).toHaveText('Recording of shop');
  await expect(page.locator('main')).toContainText('1 incident, closed');
  await expect(page.locator('a.card')).toContainText('closed');
  await expect(page.locator('main')).not.toContainText('quiet');
});

for (const [state, summary] of [
  ['learning', 'learning what is normal: 3 of 40 samples'],
  ['blind', 'the source has no data after 14:00'],
  ['failing', 'the source has been failing since 14:00'],
] as const) {
  test(`a target that is ${state} is never called quiet`, async ({ page }) => {
    await answers(page, { state, summary, looked: undefined });
    await page.goto('/');
    await expect(page.locator('h1')).toHaveText('No known problems, but not everything is observed');
    await expect(page.locator('.quiet')).toContainText(summary);
  });
}

test('names are text, whatever they try to be', async ({ page }) => {
  const name = '<img src=x onerror="document.title=1">\u202Eevil\u0000 😀'.padEnd(200, 'x');
  const at = new Date().toISOString();
  const incident = {
    ...{ schema_version: 1, id: name, target: name, state: 'open', severity: 'critical', revision: 1, onset: at, opened: at, updated: at, closed: null },
    ...{ title: name, cause: { service: name, mechanism: name, confidence: 0.9, change: name }, symptoms: [], victims: [name], slos: [], alerts: [] },
    ...{ reopened: 0, owner: { team: name, runbook: 'javascript:alert(1)', dashboard: null, severity: null }, confirmed: null, muted: null, timeline: [], report: null },
  };
  await answers(page, { target: name }, [incident]);
  await page.goto('/');
  await expect(page.locator('a.card strong')).toContainText('<img src=x onerror=');
  expect(await page.locator('main img').count()).toBe(0);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
});

test('a refusal says what is wrong and what to try', async ({ page }) => {
  const problem = { title: 'forbidden', detail: 'vera has the role alerts; this needs viewer', next: 'use other credentials', status: 403 };
  await page.route('**/api/v1/targets', (route) => route.fulfill(json(problem, 403)));
  await page.goto('/');
  await expect(page.getByRole('alert')).toContainText('Your role does not allow this');
  await expect(page.getByRole('alert')).toContainText('use other credentials');
});

test('a page without a session shows where to log in', async ({ page }) => {
  await page.route('**/api/v1/session', (route) => {
    const isLogIn = route.request().method() === 'POST';
    const who = { is_required: true, by_token: true, by_password: true, name: isLogIn ? 'ann' : null, role: isLogIn ? 'operator' : null, is_logged_in: isLogIn };
    if (isLogIn) expect(route.request().headers().authorization).toBe(`Basic ${Buffer.from('ann:correct horse 电池').toString('base64')}`);
    return route.fulfill(json(who));
  });
  await page.goto('/');
  await page.getByLabel('Username').fill('ann');
  await page.getByLabel('Password').fill('correct horse 电池');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.locator('a.card')).toBeVisible();
  await expect(page.locator('header')).toContainText('ann (operator)');
});

test('who logs in at an identity provider is led there and back to the same page', async ({ page }) => {
  const nobody = { is_required: true, by_token: false, by_password: false, by_provider: 'Example', name: null, role: null, is_logged_in: false, log_out_at: null };
  await page.route('**/api/v1/session', (route) => route.fulfill(json(nobody)));
  await page.goto('/services?find=pay');
  const link = page.getByRole('link', { name: 'Log in with Example' });
  await expect(link).toHaveAttribute('href', '/api/v1/session/oidc/login?to=%2Fservices%3Ffind%3Dpay');
  await expect(page.getByLabel('Password')).toHaveCount(0);
  // The link is for the server: the page itself must not follow it.
  await page.route('**/api/v1/session/oidc/login?**', (route) => route.fulfill({ status: 200, contentType: 'text/html', body: '<h1>the provider</h1>' }));
  await link.click();
  await expect(page.locator('h1')).toHaveText('the provider');
});

test('a lost connection is told, and made again', async ({ page }) => {
  let isUp = false;
  await page.route('**/api/v1/events', (route) => (isUp ? route.continue() : route.abort()));
  await page.goto('/');
  await expect(page.locator('header')).toContainText('connection lost');
  isUp = true;
  await expect(page.locator('header .connection')).toHaveText('live');
});
