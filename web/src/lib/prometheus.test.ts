import { expect, test } from 'vitest';
import { graphLink } from './prometheus';

const span = { from: Date.UTC(2026, 10, 24, 0, 0, 0), to: Date.UTC(2026, 10, 24, 1, 0, 30) };

test('a link draws the expression over the stretch, whatever is in it', () => {
  const link = new URL(graphLink('http://prometheus:9090/prefix/', 'rate(x{a="b&c"}[1m])', span) ?? '');
  expect(link.pathname).toBe('/prefix/graph');
  expect(Object.fromEntries(link.searchParams)).toEqual({
    'g0.expr': 'rate(x{a="b&c"}[1m])',
    'g0.tab': '0',
    'g0.range_input': '3630s',
    'g0.end_input': '2026-11-24 01:00:30',
  });
});

test('there is no link without an address that a browser may follow', () => {
  for (const page of [undefined, null, '', 'a recording', 'javascript:alert(1)']) expect(graphLink(page, 'up', span)).toBeUndefined();
  expect(graphLink('http://prometheus:9090', 'up', { from: 5, to: 5 })).toBeUndefined();
});
