// The map: what is found and hidden, groups, the replay of an incident, and a map of 2,000 services.
import { expect, test, type Page } from '@playwright/test';
import { largeMap } from './large';

const MANY = 2000;

async function withLargeMap(page: Page): Promise<void> {
  const body = JSON.stringify(largeMap(MANY));
  await page.route('**/api/v1/targets/demo/map?**', (route) => route.fulfill({ status: 200, contentType: 'application/json', body }));
}

test('what is looked for is found by what it is and shows, and the rest can be hidden; a link shows the same', async ({ page }) => {
  await page.goto('/map?scope=all');
  await expect(page.locator('svg.map a.node')).toHaveCount(14);
  await page.locator('[data-find]').fill('rank<=1 latency>0');
  await expect(page.locator('svg.map a.node:not(.faint)')).toHaveCount(1);
  await page.getByRole('button', { name: 'Hide others' }).click();
  await expect(page.locator('svg.map a.node')).toHaveCount(1);
  await expect(page).toHaveURL(/hide=1/);
  await page.reload();
  await expect(page.locator('svg.map a.node')).toHaveCount(1);
  await page.locator('[data-find]').fill('colour:red');
  await expect(page.getByRole('alert')).toContainText('Invalid condition: colour:red');
});

test('an incident is replayed: before the onset nothing is wrong, at the end everything is', async ({ page }) => {
  await page.goto('/');
  await page.locator('a.card').click();
  const cause = page.locator('#map svg a.cause');
  await expect(cause).toHaveCount(1);
  const slider = page.getByLabel('Time shown');
  await slider.focus();
  await page.keyboard.press('Home');
  await expect(cause).toHaveCount(0);
  await expect(page).toHaveURL(/[?&]at=/);
  await page.keyboard.press('End');
  await expect(cause).toHaveCount(1);
  await expect(page).not.toHaveURL(/[?&]at=/);
  await page.getByRole('button', { name: 'Replay' }).click();
  await expect(page.getByRole('button', { name: 'Pause' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Replay' })).toBeVisible();
  await expect(cause).toHaveCount(1);
});

test('a map of 2,000 services begins at the cause, and can be searched, grouped and walked by the keyboard', async ({ page }) => {
  await withLargeMap(page);
  await page.goto('/map?scope=all');
  const nodes = page.locator('svg.map a.node');
  await expect(nodes).toHaveCount(MANY);
  await expect(page.locator('svg.map a.cause')).toBeInViewport();
  await page.locator('[data-find]').fill('service-1970');
  await expect(page.locator('svg.map a.node:not(.faint)')).toHaveCount(1);
  await expect(page.locator('svg.map a.node:not(.faint)')).toBeInViewport();
  await page.locator('[data-find]').fill('');
  await page.getByRole('button', { name: /^bank/ }).click();
  await expect(page).toHaveURL(/find=ns%3Abank/);
  await expect(page.locator('svg.map a.node:not(.faint)')).toHaveCount(MANY / 4);
  await page.getByRole('button', { name: 'Hide others' }).click();
  await expect(nodes).toHaveCount(MANY / 4);
  await nodes.first().focus();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/services\/demo\//);
});
