import { expect, test } from 'vitest';
import { href, parseRoute } from './route';

test('an address and its page mean each other', () => {
  expect(parseRoute(href.now())).toEqual({ page: 'now' });
  expect(parseRoute(href.services())).toEqual({ page: 'services' });
  expect(parseRoute(href.map())).toEqual({ page: 'map' });
  for (const name of ['payment', 'a/b', '<img src=x onerror=alert(1)>', '支付', '100%', 'a?b#c', '\u202Eevil']) {
    expect(parseRoute(new URL(href.incident(name), 'http://x').pathname)).toEqual({ page: 'incident', id: name });
    const service = { page: 'service', target: 'shop', service: name };
    expect(parseRoute(new URL(href.service('shop', name), 'http://x').pathname)).toEqual(service);
  }
  for (const page of ['map', 'compare', 'diagnose', 'objectives', 'data', 'chaos'] as const) expect(parseRoute(`/${page}`)).toEqual({ page });
});

test('what is not a page is said to be none', () => {
  for (const path of ['/incidents', '/incidents/a/b', '/services/a', '/services/a/b/c', '/compare/x', '/%']) {
    expect(parseRoute(path), path).toEqual({ page: 'missing' });
  }
});

test('a query holds what differs from the usual only', () => {
  expect(href.services({ q: 'pay', target: undefined, sort: '' })).toBe('/services?q=pay');
});
