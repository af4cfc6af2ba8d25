// The card of a service in a frame of another origin, as a portal shows it: only where the configuration names that portal, and by `srcdoc` anywhere.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from '@playwright/test';
import { openIncident, test } from './live/world';

const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox';

/** A page of another origin that is one frame; `attribute` says what is in it. */
async function portal(attribute: string, port = 0): Promise<{ url: string; server: Server }> {
  const page = `<!doctype html><title>portal</title><iframe width="360" height="240" sandbox="${SANDBOX}" ${attribute}></iframe>`;
  const server = createServer((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end(page));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server };
}

const attributeOf = (text: string) => text.replaceAll('&', '&amp;').replaceAll('"', '&quot;');

test('a portal that the configuration names shows the card, whose link leads to the incident', async ({ page, context, world }) => {
  const { id } = await openIncident(world.open.url, 'shop');
  const address = `${world.open.url}/api/v1/targets/shop/services/payment/card.html`;
  const { url, server } = await portal(`src="${address}"`, world.portal);
  try {
    await page.goto(url);
    const card = page.frameLocator('iframe');
    await expect(card.locator('h1')).toContainText('payment');
    await expect(card.locator('.state')).toContainText('Incident');
    const opened = context.waitForEvent('page');
    await card.locator(`a[href$="/incidents/${id}"]`).click();
    const incident = await opened;
    await expect(incident).toHaveURL(`${world.open.url}/incidents/${id}`);
    await expect(incident.locator('.verdict h1')).toBeVisible();
  } finally {
    server.close();
  }
});

test('any other page gets no frame of it, and none of the page itself', async ({ page, world }) => {
  const refused: string[] = [];
  page.on('console', (message) => void (message.type() === 'error' && refused.push(message.text())));
  for (const path of ['/api/v1/targets/shop/services/payment/card.html', '/']) {
    const { url, server } = await portal(`src="${world.open.url}${path}"`);
    try {
      refused.length = 0;
      await page.goto(url);
      await expect.poll(() => refused.join()).toContain('frame-ancestors');
      // The browser's own page says that it was refused.
      await expect.poll(() => page.frames()[1]?.url()).toContain('chrome-error');
    } finally {
      server.close();
    }
  }
});

test('a card that a portal asked for by itself is shown by srcdoc', async ({ page, context, world }) => {
  const { id } = await openIncident(world.open.url, 'shop');
  const answer = await fetch(`${world.open.url}/api/v1/targets/shop/services/payment/card.html`);
  const { url, server } = await portal(`srcdoc="${attributeOf(await answer.text())}"`);
  try {
    await page.goto(url);
    const card = page.frameLocator('iframe');
    await expect(card.locator('h1')).toContainText('payment');
    const opened = context.waitForEvent('page');
    await card.locator('a').first().click();
    await expect(await opened).toHaveURL(`${world.open.url}/incidents/${id}`);
  } finally {
    server.close();
  }
});
