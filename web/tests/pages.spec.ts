// Compare, Data, Objectives, Chaos, and what a reader tells automap of an incident, over the recorded incident of the demo.
import { expect, test, type Locator, type Page } from '@playwright/test';

async function openIncident(page: Page): Promise<void> {
  await page.goto('/');
  await page.locator('a.card').click();
  await expect(page.locator('#charts .uplot').first()).toBeVisible();
}

/** Drags over a part of the first chart, from the left edge. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  const area = page.locator('#charts .u-over').first();
  await area.scrollIntoViewIfNeeded();
  const box = await area.boundingBox();
  if (!box) throw new Error('the chart has no box');
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + from * box.width, y);
  await page.mouse.down();
  await page.mouse.move(box.x + to * box.width, y, { steps: 5 });
  await page.mouse.up();
}

/** Drags until the stretch is chosen: while the page is laid out anew, the chart may move away under the mouse. */
async function choose(page: Page, stretch: Locator): Promise<void> {
  await expect(async () => {
    await drag(page, 0.75, 0.98);
    await expect(stretch).toBeVisible({ timeout: 2_000 });
  }).toPass();
}

test('a stretch that was dragged over a chart can be looked at closely, compared and diagnosed, and each has an address', async ({ page }) => {
  await openIncident(page);
  const stretch = page.getByRole('region', { name: 'Selected period' });
  await choose(page, stretch);
  await stretch.getByRole('button', { name: 'Zoom in' }).click();
  await stretch.getByRole('button', { name: 'Reset zoom' }).click();
  await expect(stretch).toHaveCount(0);

  await choose(page, stretch);
  await stretch.getByRole('link', { name: 'baseline' }).click();
  await expect(page).toHaveURL(/\/compare\?target=demo&before=[^&]+&after=/);
  await expect(page.getByRole('row', { name: /orders → payment network gap/ })).toContainText(/→ 25\d ms/);
  const compared = page.url();
  await page.reload();
  await expect(page.getByRole('row', { name: /orders → payment network gap/ })).toBeVisible();
  expect(page.url()).toBe(compared);

  await page.goBack();
  await expect(page.locator('#charts .uplot').first()).toBeVisible();
  await choose(page, stretch);
  await stretch.getByRole('link', { name: 'Diagnose' }).click();
  await expect(page.locator('.verdict h2')).toContainText('payment');
  await expect(page.locator('#causes li').first()).toContainText('network and not code');
});

test('two periods that were typed are compared, and what cannot be compared says why', async ({ page }) => {
  await page.goto('/compare');
  await expect(page.getByRole('heading', { name: /Services that differ/ })).toBeVisible();
  await page.getByRole('button', { name: 'week before' }).click();
  await expect(page.getByRole('alert')).toContainText('What to try');
  const start = page.getByRole('group', { name: 'Reference' }).getByLabel('From');
  await start.fill('2026-11-24T00:56:25');
  await start.blur();
  await expect(page).toHaveURL(/before=2026-11-24T00%3A56%3A25Z/);
});

test('what is seen of each service, what is missing, what that costs and how to get it', async ({ page }) => {
  await page.goto('/data');
  await expect(page.getByRole('row', { name: /^payment/ })).toContainText('present');
  const gap = page.locator('li.gap', { hasText: 'latency' }).first();
  await expect(gap).toContainText('Slow answers are not noticed');
  await expect(gap).toContainText('What to try');
  await expect(page.getByRole('button', { name: /automap doctor/ })).toBeVisible();
  await page.locator('#queries summary').click();
  await expect(page.locator('#queries pre').first()).toContainText('istio_');
});

test('what was injected stands beside what was said, and a place without objectives says how to set some', async ({ page }) => {
  await page.goto('/chaos?days=all');
  await expect(page.locator('ul.rows li')).toContainText('NetworkChaos delay');
  await expect(page.locator('ul.rows li')).toContainText('found');
  await page.locator('ul.rows li a').click();
  await expect(page.locator('.verdict h1')).toContainText('payment');
  await page.goto('/objectives');
  await expect(page.locator('main')).toContainText('No objectives configured');
});

test('a drill on a cluster is text to copy, since the page itself breaks nothing', async ({ page }) => {
  await page.goto('/chaos?days=all');
  const drill = page.locator('section', { has: page.getByRole('heading', { name: 'Start a drill' }) });
  await expect(drill).toContainText('has no permission to inject faults');
  await drill.getByLabel('Service').selectOption('payment');
  await drill.getByLabel('Namespace').fill('');
  await expect(drill).toContainText('Enter a service, its namespace');
  await drill.getByLabel('Namespace').fill('sock-shop');
  await drill.getByLabel('Fault').selectOption('pod-kill');
  await expect(drill.locator('pre').nth(1)).toContainText('action: pod-kill');
  await expect(drill.locator('pre').last()).toHaveText('automap drill pod-kill-payment.yaml --prometheus http://localhost:9090 --namespace sock-shop');
});

test('a fault is injected where that is allowed, after it was said what it breaks', async ({ page }) => {
  const fault = { name: 'delay-payment', fault: 'NetworkChaos delay', places: ['payment'] };
  const drills = { place: 'the shop of this demo', drills: [{ ...fault, lasts_s: 45 }, { name: 'kill-pod-user', fault: 'PodChaos pod-kill', places: ['user'], lasts_s: null }] };
  let asked = '';
  let isBroken = false;
  await page.route('**/api/v1/drills', (route) => {
    const method = route.request().method();
    if (method === 'POST') asked = route.request().postData() ?? '';
    if (method !== 'GET') isBroken = method === 'POST';
    return route.fulfill({ contentType: 'application/json', body: JSON.stringify({ ...drills, in_place: isBroken ? [{ ...fault, left_s: 45 }] : [] }) });
  });
  await page.goto('/chaos');
  await page.getByRole('button', { name: 'Inject…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Inject a fault into payment?' });
  await expect(dialog).toContainText('Ends automatically after 45 s');
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(dialog).toHaveCount(0);
  expect(asked).toBe('');
  await page.getByRole('button', { name: 'Inject…' }).click();
  await dialog.getByRole('button', { name: 'Inject delay-payment' }).click();
  await expect(page.getByText('Fault active: payment')).toBeVisible();
  expect(JSON.parse(asked)).toEqual({ drill: 'delay-payment' });
  await page.getByRole('button', { name: 'End now' }).click();
  await page.setViewportSize({ width: 390, height: 844 });
  await expect(page.getByRole('button', { name: 'Inject…' })).toBeVisible();
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'on a phone').toBeLessThanOrEqual(390);
});

test('a note is part of the time line at once, and another cause can be stated', async ({ page }) => {
  await openIncident(page);
  await page.getByRole('button', { name: 'Add note' }).click();
  await page.getByLabel(/^Note/).fill('rolled back\n<b>the release</b>');
  await page.getByRole('button', { name: 'Save note' }).click();
  await expect(page.locator('#timeline li.note')).toContainText('<b>the release</b>');
  await page.getByRole('button', { name: 'Correct the cause' }).click();
  await page.getByLabel('Actual cause').selectOption('orders');
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.locator('.verdict')).toContainText('Confirmed cause: orders');
  // The other tests expect what automap said.
  await page.getByRole('button', { name: 'Mark as cause' }).first().click();
  await page.getByRole('button', { name: 'Confirm' }).click();
  await expect(page.locator('.verdict')).toContainText('Confirmed cause: payment');
});

test('a recording notifies nobody, so muting is refused with the reason', async ({ page }) => {
  await openIncident(page);
  await page.getByRole('button', { name: 'Mute', exact: true }).click();
  await page.locator('form').getByRole('button', { name: 'Mute', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('notifies nobody');
});

test('the metrics of an incident can be taken along as a capture', async ({ page }) => {
  await openIncident(page);
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download the capture' }).click();
  expect((await download).suggestedFilename()).toBe('incident.parquet');
});

test('the keys lead to every page', async ({ page }) => {
  await page.goto('/');
  await expect(page.locator('a.card')).toBeVisible();
  for (const [key, path] of [['c', '/compare'], ['o', '/objectives'], ['d', '/data'], ['x', '/chaos'], ['m', '/map']]) {
    await page.keyboard.press('g');
    await page.keyboard.press(key ?? '');
    await expect(page).toHaveURL(new RegExp(`${path}(\\?.*)?$`));
  }
});
