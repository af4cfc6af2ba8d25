// The page over an `automap serve` that watches a real Prometheus: what changes while somebody looks, a server that goes away and comes back, sessions
// and roles, and targets that cannot be seen.
import { expect, type Page } from '@playwright/test';
import { alertOf, PASSWORD, test } from './live/world';

async function sendAlert(url: string, name: string): Promise<void> {
  const answer = await fetch(`${url}/api/v1/alerts/alertmanager?target=calm`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(alertOf('calm', 'catalogue', name)),
  });
  expect(answer.status, await answer.text()).toBe(202);
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
}

test('a fault that goes on is on the first page, and its evidence one click away', async ({ page, world }) => {
  await page.goto(world.open.url);
  const card = page.locator('a.card', { hasText: 'payment' });
  await expect(card).toContainText('critical');
  await card.click();
  await expect(page.locator('.verdict')).toContainText('payment');
  await expect(page.locator('#charts .uplot').first()).toBeVisible();
  await expect(page.locator('#map svg a.cause')).toHaveAttribute('href', '/services/shop/payment');
});

test('a query leads to the Prometheus that answered it, and a budget to what burnt it', async ({ page, world }) => {
  await page.goto(world.open.url);
  await page.locator('a.card', { hasText: 'payment' }).click();
  await page.locator('#queries summary').click();
  await expect(page.getByRole('link', { name: 'Open in Prometheus' }).first()).toHaveAttribute('href', /^http:\/\/127\.0\.0\.1:\d+\/graph\?g0\.expr=/);
  await page.goto(`${world.open.url}/objectives`);
  await expect(page.getByRole('row', { name: /checkout/ })).toContainText('99 %');
  await page.goto(`${world.open.url}/data?target=calm`);
  await expect(page.getByRole('row', { name: /^payment/ })).toContainText('seen');
});

test('whoever mutes sees it, and the incident says so', async ({ page, world }) => {
  await page.goto(world.open.url);
  await page.locator('a.card', { hasText: 'payment' }).click();
  await page.getByRole('button', { name: 'Mute', exact: true }).click();
  await page.getByLabel('Reason').fill('a planned test');
  await page.locator('form').getByRole('button', { name: 'Mute', exact: true }).click();
  await expect(page.locator('main')).toContainText('Nobody is notified for that time');
  await expect(page.locator('.verdict')).toContainText('a planned test');
});

test('each target says what can be seen of it', async ({ page, world }) => {
  await page.goto(world.open.url);
  const row = (name: string) => page.locator('section li', { has: page.locator(`a[href="/services?target=${name}"]`) });
  await expect(row('shop')).toContainText('watching');
  await expect(row('young')).toContainText('learning');
  await expect(row('stale')).toContainText('cannot see');
  await expect(row('gone')).toContainText('source fails');
  await page.goto(`${world.open.url}/services?target=gone`);
  await expect(page.locator('main')).toContainText('No service is known yet');
  await page.goto(`${world.open.url}/map?target=gone`);
  await expect(page.getByRole('alert')).toContainText('This does not exist');
});

test('an incident that opens while somebody looks is shown at once, and after a restart what was missed is caught up', async ({ page, world }) => {
  const { url, process } = world.open;
  await page.goto(url);
  await expect(page.locator('header .connection')).toHaveText('live');
  const calm = page.locator('a.card', { hasText: 'calm' });
  await expect(calm).toHaveCount(0);
  await sendAlert(url, 'Unhappy');
  await expect(calm).toHaveCount(1);

  await calm.click();
  await expect(page.locator('#timeline, .verdict').first()).toBeVisible();
  await process.kill();
  await expect(page.locator('header')).toContainText('connection lost');
  await process.start();
  await sendAlert(url, 'StillUnhappy');
  await expect(page.locator('header .connection')).toHaveText('live');
  await expect(page.locator('main')).toContainText('StillUnhappy');
});

test('a viewer reads, an operator confirms, and logging out ends both', async ({ page, world }) => {
  await page.goto(world.guarded.url);
  await page.getByLabel('Name').fill('vera');
  await page.getByLabel('Password').fill('wrong');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('These credentials are wrong');
  await logIn(page, 'vera');
  await expect(page.locator('header')).toContainText('vera (viewer)');
  await page.locator('a.card').click();
  await expect(page.getByRole('button', { name: 'This was the cause' }).first()).toBeDisabled();

  const address = page.url();
  await page.getByRole('button', { name: 'Log out' }).click();
  await expect(page.getByLabel('Password')).toBeVisible();
  await logIn(page, 'ann');
  await expect(page).toHaveURL(address);
  await page.getByRole('button', { name: 'This was the cause' }).first().click();
  await page.getByRole('button', { name: 'Record it' }).click();
  await expect(page.locator('.verdict')).toContainText('Confirmed cause: payment');
});

test('a session that is over leads to the login, and back to the same page', async ({ page, world }) => {
  const { url, process } = world.guarded;
  await page.goto(`${url}/services?find=pay`);
  await logIn(page, 'vera');
  await expect(page.locator('tbody a')).toHaveText(['payment']);
  // Sessions are in memory only.
  await process.kill();
  await process.start();
  await expect(page.getByLabel('Password')).toBeVisible();
  await logIn(page, 'vera');
  await expect(page).toHaveURL(`${url}/services?find=pay`);
  await expect(page.locator('tbody a')).toHaveText(['payment']);
});

test('credentials that may only send alerts see nothing', async ({ page, world }) => {
  await page.goto(world.guarded.url);
  await page.getByRole('button', { name: 'With a token' }).click();
  await page.getByLabel('Token').fill('the-token-of-alertmanager-0123456789');
  await page.getByRole('button', { name: 'Log in', exact: true }).click();
  await expect(page.getByRole('alert').first()).toContainText('Your role does not allow this');
  await expect(page.locator('a.card')).toHaveCount(0);
});
