// The page over the recorded incident of the demo, as `automap ui` serves it: 250 ms of delay in the network of payment.
import { expect, test, type Page } from '@playwright/test';

/** What a browser complains about: scripts that fail, and what the content security policy forbids. */
function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on('pageerror', (error) => found.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') found.push(message.text());
  });
  return found;
}

test('who, since when and why are on the first page, and one click leads to the evidence', async ({ page }) => {
  const found = complaints(page);
  await page.goto('/');
  const card = page.locator('a.card');
  await expect(card).toContainText('payment');
  await expect(card).toContainText('network');
  // Though nothing happens there that it could be told.
  await expect(page.locator('header .connection')).toHaveText('live', { timeout: 8_000 });
  await card.click();
  await expect(page.locator('h1')).toContainText('payment');
  await expect(page.locator('.verdict')).toContainText('250 ms');
  await expect(page.locator('#impact')).toContainText('front-end');
  await expect(page.locator('#timeline')).toContainText('NetworkChaos delay');
  await expect(page.locator('#causes li').first()).toContainText('Unchanged');
  await expect(page.locator('#map svg a.cause')).toHaveAttribute('href', '/services/demo/payment');
  await expect(page.locator('#charts .uplot').first()).toBeVisible();
  expect(found).toEqual([]);
});

test('every page can be opened by its address, and the back button goes back', async ({ page }) => {
  await page.goto('/services?find=pay');
  await expect(page.locator('tbody a')).toHaveText(['payment']);
  await page.locator('tbody a').click();
  await expect(page).toHaveURL('/services/demo/payment');
  await expect(page.locator('#charts figure').first()).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL('/services?find=pay');
  await page.goto('/map?scope=all');
  await expect(page.locator('svg.map a.node')).not.toHaveCount(0);
  await page.goto('/nowhere');
  await expect(page.locator('h1')).toHaveText('Page not found');
});

test('all of it works from the keyboard', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator('a.card')).toBeVisible();
  await page.keyboard.press('j');
  await expect(page.locator('a.card')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('.verdict')).toBeVisible();
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await expect(page).toHaveURL('/services');
  await expect(page.locator('[data-find]')).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.locator('[data-find]')).toBeFocused();
  await page.keyboard.type('?');
  await expect(page.locator('dialog')).toHaveCount(0);
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await expect(page.locator('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.locator('dialog')).toHaveCount(0);
});

test('it speaks Chinese, and keeps what was chosen', async ({ page }) => {
  await page.goto('/');
  await page.locator('select').nth(1).selectOption('zh');
  await expect(page.locator('h1')).toHaveText('demo 的录制');
  await page.locator('select').nth(2).selectOption('dark');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
});

test('a phone has no sideways scrolling', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ['/', '/services', '/map', '/services/demo/payment', '/compare', '/objectives', '/data', '/chaos?days=all']) {
    await page.goto(path);
    await expect(page.locator('main').locator('h1')).toBeVisible();
    await expect(page.locator('.waiting')).toHaveCount(0);
    await page.evaluate(() => document.querySelectorAll('details').forEach((part) => (part.open = true)));
    expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(390);
    for (const table of await page.locator('[role="region"]:has(> table)').all()) {
      expect(await table.evaluate((region) => region.scrollWidth - region.clientWidth), path).toBe(0);
    }
  }
});

test('a confirmed cause is shown at once, here and in every other window', async ({ page, context }) => {
  await page.goto('/');
  await page.locator('a.card').click();
  const other = await context.newPage();
  await other.goto(page.url());
  await expect(other.locator('.verdict')).toBeVisible();
  await page.getByRole('button', { name: 'Correct the cause' }).click();
  await page.getByLabel('Actual cause').selectOption('catalogue');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.locator('.verdict')).toContainText('Confirmed cause: catalogue');
  await expect(other.locator('.verdict')).toContainText('Confirmed cause: catalogue');
});

test('the incident can be taken along as a file and as text', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto('/');
  await page.locator('a.card').click();
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download HTML' }).click();
  expect((await download).suggestedFilename()).toBe('incident.html');
  await page.getByRole('button', { name: 'Copy as Markdown' }).click();
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('payment');
});
