// What is asked on call, and how many clicks from the first page the answer is away: the table of docs/ui.md, counted. Typing and scrolling are no clicks,
// and the fields of a form are filled in after the last one.
import { expect, test, type Locator, type Page } from '@playwright/test';

type Click = (target: Locator) => Promise<void>;
type Task = { question: string; clicks: number; answer: (page: Page, click: Click) => Promise<void> };

const openIncident = (page: Page, click: Click) => click(page.locator('a.card'));
const inHeader = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name, exact: true });

const TASKS: Task[] = [
  {
    question: 'which service, since when, why',
    clicks: 0,
    answer: async (page) => {
      await expect(page.locator('a.card .name')).toContainText('network');
      await expect(page.locator('a.card')).toContainText('since');
    },
  },
  { question: 'who is affected', clicks: 0, answer: (page) => expect(page.locator('a.card')).toContainText(/affects .*front-end/) },
  { question: 'what changed', clicks: 0, answer: (page) => expect(page.getByRole('heading', { name: 'Recent changes' })).toBeVisible() },
  {
    question: 'is it over',
    clicks: 0,
    answer: async (page) => {
      await expect(page.locator('main')).toContainText('1 incident, still open at the end');
      await expect(page.getByRole('heading', { name: 'Past incidents' })).toBeVisible();
    },
  },
  {
    question: 'was it like this last week',
    clicks: 2,
    answer: async (page, click) => {
      await click(inHeader(page, 'Compare'));
      await click(page.getByRole('button', { name: 'week before' }));
      await expect(page).toHaveURL(/before=2026-11-17T/);
      // The recording is an hour long, and says so instead of an answer.
      await expect(page.getByRole('alert')).toContainText('What to try');
    },
  },
  {
    question: 'tell the team',
    clicks: 2,
    answer: async (page, click) => {
      await openIncident(page, click);
      await click(page.getByRole('button', { name: 'Copy as Markdown' }));
      await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible();
      expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('payment');
    },
  },
  {
    question: 'this was wrong',
    clicks: 2,
    answer: async (page, click) => {
      await openIncident(page, click);
      await click(page.getByRole('button', { name: 'Correct the cause' }));
      await page.getByLabel('Actual cause').selectOption('orders');
      await expect(page.getByRole('button', { name: 'Confirm' })).toBeEnabled();
    },
  },
  {
    question: 'which pod',
    clicks: 1,
    answer: async (page, click) => {
      await withParts(page);
      await openIncident(page, click);
      await expect(page.locator('#causes li').first()).toContainText('Breakdown');
      await expect(page.locator('#causes li').first()).toContainText('pod payment-1');
    },
  },
  {
    question: "what can't it see",
    clicks: 1,
    answer: async (page, click) => {
      await openIncident(page, click);
      await expect(page.locator('#not-checked li').first()).toBeVisible();
    },
  },
  {
    question: "find yesterday's incident",
    clicks: 0,
    answer: async (page) => {
      // Keys that come before the page listens are lost: a person types again.
      await expect(async () => {
        await page.keyboard.press('/');
        await page.keyboard.press('ControlOrMeta+A');
        await page.keyboard.type('carts 2026-11-23');
        await expect(page.locator('ul.rows a[href^="/incidents/"]')).toHaveText(['carts (cpu)'], { timeout: 2000 });
      }).toPass();
    },
  },
];

/** Incidents that are over: a recording has none. */
async function withPast(page: Page): Promise<void> {
  const past = (day: number, service: string) => {
    const at = `2026-11-${day}T08:00:00Z`;
    const cause = { service, mechanism: 'cpu', confidence: 0.9, change: null };
    return {
      ...{ schema_version: 1, id: `demo-${day}-${service}`, target: 'demo', state: 'closed', severity: 'warning', revision: 1, onset: at, opened: at, updated: at, closed: at },
      ...{ title: `${service} (cpu)`, cause, symptoms: [], victims: [], slos: [], alerts: [], reopened: 0, owner: null, confirmed: null, muted: null, timeline: [], report: null },
    };
  };
  const incidents = [past(23, 'carts'), past(23, 'user'), past(22, 'carts'), past(21, 'catalogue'), past(20, 'orders')];
  await page.route('**/api/v1/incidents?state=closed**', (route) =>
    route.fulfill({ status: 200, contentType: 'application/json', body: JSON.stringify({ incidents, next: null }) }),
  );
}

/** What was counted of the cause by its labels: a recording of the lab holds no counts. */
async function withParts(page: Page): Promise<void> {
  const listed = [{ value: 'payment-1', share_of_rise: 0.97, share_of_requests: 0.5, from: 5.2, to: 250 }];
  const pod = { label: 'pod', finding: 'one', values: 2, summary: '97 % of the rise is at pod payment-1', listed };
  const parts = [{ measure: 'latency', summary: '97 % of the rise is at pod payment-1', labels: [pod], unseen: [] }];
  await page.route('**/api/v1/incidents/demo-*', async (route) => {
    const response = await route.fetch();
    const incident = (await response.json()) as { report: { causes: object[] } };
    Object.assign(incident.report.causes[0] ?? {}, { parts });
    await route.fulfill({ response, json: incident });
  });
  await page.route('**/api/v1/incidents/demo-*/dossier', async (route) => {
    const response = await route.fetch();
    const dossier = (await response.json()) as { report: { causes: object[] } };
    Object.assign(dossier.report.causes[0] ?? {}, { parts });
    await route.fulfill({ response, json: dossier });
  });
}

// A request that is still under way when the answer is found is nobody's fault.
test.afterEach(({ page }) => page.unrouteAll({ behavior: 'ignoreErrors' }));

for (const { question, clicks, answer } of TASKS) {
  test(`"${question}?" takes ${clicks} clicks`, async ({ page, context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await withPast(page);
    await page.goto('/');
    await expect(page.locator('a.card')).toBeVisible();
    let counted = 0;
    await answer(page, async (target) => {
      counted += 1;
      await target.click();
    });
    expect(counted).toBe(clicks);
    expect(clicks).toBeLessThanOrEqual(2);
  });
}
