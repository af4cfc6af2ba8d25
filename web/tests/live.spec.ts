// The page over an `automap serve` that watches a real Prometheus: what changes while somebody looks, a server that goes away and comes back, sessions
// and roles, and targets that cannot be seen.
//
// Which service a watcher names while a fault is young, and how severe it is by then, is tested elsewhere, at fixed times. Here the page has to show what
// the API says at that moment, whatever it is.
import { expect, type Locator, type Page } from '@playwright/test';
import { alertOf, basicOf, openIncident, PASSWORD, test, TOKEN } from './live/world';

const NO_CAUSE = 'cause unknown';

async function sendAlert(url: string, name: string): Promise<void> {
  const answer = await fetch(`${url}/api/v1/alerts/alertmanager?target=calm`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alertOf('calm', 'catalogue', name)),
  });
  expect(answer.status, await answer.text()).toBe(202);
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Username').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}

/** The first incident of a target on the first page. */
function cardOf(page: Page, target: string): Locator {
  return page.locator('a.card', { has: page.getByText(target, { exact: true }) }).first();
}

test('each target says what can be seen of it', async ({ page, world }) => {
  await page.goto(world.open.url);
  const row = (name: string) => page.locator('section li', { has: page.locator(`a[href="/services?target=${name}"]`) });
  await expect(row('shop')).toContainText('watching');
  await expect(row('young')).toContainText('learning');
  await expect(row('stale')).toContainText('missing data');
  await expect(row('gone')).toContainText('source failing');
  await page.goto(`${world.open.url}/services?target=gone`);
  await expect(page.locator('main')).toContainText('No services yet');
  await page.goto(`${world.open.url}/map?target=gone`);
  await expect(page.getByRole('alert')).toContainText('Not found');
});

test('an open incident is on the first page as the API tells it, and its evidence one click away', async ({ page, world }) => {
  await page.goto(world.open.url);
  const { id } = await openIncident(world.open.url, 'shop');
  const card = page.locator(`a.card[href="/incidents/${id}"]`);
  await expect(async () => {
    const incident = await openIncident(world.open.url, 'shop');
    expect(incident.id).toBe(id);
    await expect(card.locator('.name')).toContainText(incident.cause?.service ?? NO_CAUSE, { timeout: 2_000 });
    await expect(card.locator('.top')).toContainText(incident.severity, { timeout: 2_000 });
  }).toPass();
  await card.click();
  await expect(page.locator('.verdict .when')).toContainText('shop');
  await expect(page.locator('#charts .uplot').first()).toBeVisible();
  await expect(page.locator('#map svg a.node[href="/services/shop/payment"]')).toHaveCount(1);
});

test('a query leads to the Prometheus that answered it, and a budget to what burnt it', async ({ page, world }) => {
  await page.goto(world.open.url);
  await cardOf(page, 'shop').click();
  await page.locator('#queries summary').click();
  await expect(page.getByRole('link', { name: 'Open in Prometheus' }).first()).toHaveAttribute('href', /^http:\/\/127\.0\.0\.1:\d+\/graph\?g0\.expr=/);
  await page.goto(`${world.open.url}/objectives`);
  await expect(page.getByRole('row', { name: /checkout/ })).toContainText('99 %');
  await page.goto(`${world.open.url}/data?target=calm`);
  await expect(page.getByRole('row', { name: /^payment/ })).toContainText('present');
});

test('whoever mutes sees it, and the incident says until when', async ({ page, world }) => {
  await page.goto(world.open.url);
  await cardOf(page, 'shop').click();
  await page.getByRole('button', { name: 'Mute', exact: true }).click();
  await page.getByLabel('Mute notifications for').selectOption({ label: 'all incidents of shop' });
  await page.getByLabel('Reason').fill('a planned test');
  await page.locator('form').getByRole('button', { name: 'Mute', exact: true }).click();
  await expect(page.locator('main')).toContainText('Notifications muted. Incidents are still recorded');
  await expect(page.locator('.verdict')).toContainText('Notifications muted until');
});

test('an incident that opens while somebody looks is shown at once, and after a restart what was missed is caught up', async ({ page, world }) => {
  const { url, process } = world.open;
  await page.goto(url);
  await expect(page.locator('header .connection')).toHaveText('live');
  await expect(cardOf(page, 'shop')).toBeVisible();
  const calm = cardOf(page, 'calm');
  await expect(calm).toHaveCount(0);
  await sendAlert(url, 'Unhappy');
  await expect(calm).toBeVisible();

  await calm.click();
  await expect(page.locator('.verdict .when')).toContainText('calm');
  await process.kill();
  await expect(page.locator('header')).toContainText('connection lost');
  await process.start();
  await sendAlert(url, 'StillUnhappy');
  await expect(page.locator('header .connection')).toHaveText('live');
  await expect(page.locator('main')).toContainText('StillUnhappy');
});

test('a viewer reads, an operator confirms, and logging out ends both', async ({ page, world }) => {
  const { url } = world.guarded;
  await openIncident(url, 'shop', basicOf('ann'));
  await page.goto(url);
  await page.getByLabel('Username').fill('vera');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('Invalid credentials');
  await logIn(page, 'vera');
  await expect(page.locator('header')).toContainText('vera (viewer)');
  await cardOf(page, 'shop').click();
  const correct = page.getByRole('button', { name: 'Correct the cause' });
  await expect(correct).toBeDisabled();

  const address = page.url();
  await page.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByLabel('Password')).toBeVisible();
  await logIn(page, 'ann');
  await expect(page).toHaveURL(address);
  await correct.click();
  await page.getByLabel('Actual cause').selectOption('catalogue');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.locator('.verdict')).toContainText('Confirmed cause: catalogue');
});

test('a session that is over leads to the login, and back to the same page', async ({ page, world }) => {
  const { url, process } = world.guarded;
  await page.goto(`${url}/services?find=pay`);
  await logIn(page, 'vera');
  await expect(page.locator('tbody a')).toHaveText(['payment']);
  // As if it had expired: the server knows the cookie no more, and the page finds out at its next question.
  const [cookie] = await page.context().cookies();
  const ended = await fetch(`${url}/api/v1/session`, { method: 'DELETE', headers: { cookie: `${cookie?.name}=${cookie?.value}`, origin: url } });
  expect(ended.status).toBe(200);
  await page.getByRole('navigation').getByRole('link', { name: 'Data' }).click();
  await expect(page.getByLabel('Password')).toBeVisible();
  await logIn(page, 'vera');
  await expect(page).toHaveURL(`${url}/data`);
  await expect(page.getByRole('row', { name: /^payment/ })).toContainText('present');

  // Sessions are in memory only, so a restart ends them; the page finds out when it listens again.
  await process.kill();
  await process.start();
  await expect(page.getByLabel('Password')).toBeVisible();
  await logIn(page, 'vera');
  await expect(page).toHaveURL(`${url}/data`);
  await expect(page.getByRole('row', { name: /^payment/ })).toContainText('present');
});

test('credentials that may only send alerts see nothing', async ({ page, world }) => {
  await page.goto(world.guarded.url);
  await page.getByRole('button', { name: 'Use a token' }).click();
  await page.getByLabel('Token').fill(TOKEN);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.getByRole('alert').first()).toContainText('this needs viewer');
  await expect(page.locator('a.card')).toHaveCount(0);
});
