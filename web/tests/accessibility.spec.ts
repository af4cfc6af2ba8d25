// No page breaks a rule of WCAG 2.2 AA that axe-core can check, in either theme, on a wide screen and on a phone.
import AxeBuilder from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

async function violations(page: Page): Promise<string[]> {
  const { violations: found } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${rule.help}: ${node.target.join(' ')} ${node.failureSummary ?? ''}`));
}

const PAGES: Record<string, string> = {
  now: '/',
  services: '/services',
  service: '/services/demo/payment',
  map: '/map?scope=all',
  compare: '/compare',
  objectives: '/objectives',
  data: '/data',
  chaos: '/chaos?days=all',
  missing: '/nowhere',
};

const PHONE = { width: 390, height: 844 };

for (const colorScheme of ['light', 'dark'] as const) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    for (const [name, path] of Object.entries(PAGES)) {
      test(`the page ${name} keeps the rules`, async ({ page }) => {
        await page.goto(path);
        await expect(page.locator('main h1')).toBeVisible();
        await expect(page.locator('.waiting')).toHaveCount(0);
        expect(await violations(page)).toEqual([]);
        await page.setViewportSize(PHONE);
        expect(await violations(page), 'phone').toEqual([]);
      });
    }

    test('the incident keeps the rules, with its forms and tables open, and on a phone', async ({ page }) => {
      await page.goto('/');
      await page.locator('a.card').click();
      await expect(page.locator('#charts .uplot').first()).toBeVisible();
      await expect(page.locator('#map svg[role="group"]')).toBeVisible();
      for (const summary of await page.locator('summary').all()) await summary.click();
      for (const name of ['Add note', 'Correct the cause', 'Mute']) {
        await page.getByRole('button', { name, exact: true }).click();
        expect(await violations(page), name).toEqual([]);
      }
      await page.setViewportSize(PHONE);
      expect(await violations(page), 'phone').toEqual([]);
    });

    test('a drill keeps the rules: before it, in its question, and while it goes on', async ({ page }) => {
      const fault = { name: 'delay-payment', fault: 'NetworkChaos delay', places: ['payment'] };
      let in_place: object[] = [];
      await page.route('**/api/v1/drills', (route) => {
        if (route.request().method() === 'POST') in_place = [{ ...fault, left_s: 45 }];
        const body = { place: 'the shop of this demo', drills: [{ ...fault, lasts_s: 45 }], in_place };
        return route.fulfill({ contentType: 'application/json', body: JSON.stringify(body) });
      });
      await page.goto('/chaos');
      await page.getByRole('button', { name: 'Inject…' }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await violations(page), 'question').toEqual([]);
      await page.getByRole('button', { name: 'Inject delay-payment' }).click();
      await expect(page.getByText('Fault active: payment')).toBeVisible();
      expect(await violations(page), 'in place').toEqual([]);
    });

    test('the sheet of keys and the login keep the rules', async ({ page }) => {
      await page.goto('/');
      await page.keyboard.press('?');
      await expect(page.locator('dialog')).toBeVisible();
      expect(await violations(page), 'keys').toEqual([]);
      const who = { is_required: true, by_token: true, by_password: true, by_provider: 'Example', name: null, role: null, is_logged_in: false };
      await page.route('**/api/v1/session', (route) => route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify(who) }));
      await page.goto('/');
      await expect(page.getByLabel('Password')).toBeVisible();
      expect(await violations(page), 'login').toEqual([]);
    });
  });
}
