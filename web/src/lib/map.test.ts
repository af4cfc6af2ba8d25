import { expect, test } from 'vitest';
import type { DrawnMap, MapEdge, NodeRole } from '../api/types';
import { byRole, headOf, linesOf, matching, pathOf, shorten } from './map';

const edge = (from: string, to: string, more: Partial<MapEdge> = {}) =>
  ({ from, to, observed: true, asserted: false, metrics: [], change: 'same', on_path: false, ...more }) as MapEdge;
const node = (service: string, role: NodeRole = 'normal') => ({ service, role }) as DrawnMap['map']['nodes'][number];
const way = (from: string, to: string) => ({ from, to, points: [[0, 0], [5, 0], [5, 8], [10, 8]] });

test('a line is a chain of curves with a head along its end', () => {
  expect(pathOf([[0, 0], [5, 0], [5, 8], [10, 8], [12, 8], [14, 8], [16, 8]])).toBe('M0 0C5 0 5 8 10 8C12 8 14 8 16 8');
  expect(headOf([[0, 0], [0, 0], [10, 0], [10, 0]], 10)).toBe('M10.0 0.0L0.0 -4.5L0.0 4.5z');
  expect([pathOf([]), headOf([], 5), headOf([[1, 1], [1, 1]], 5)]).toEqual(['', '', '']);
});

test('the way from the cause to the users is drawn last', () => {
  const drawn = {
    map: {
      nodes: [node('web', 'victim'), node('pay', 'cause'), node('cart'), node('x')],
      edges: [edge('web', 'pay', { on_path: true }), edge('web', 'cart'), edge('cart', 'x', { observed: false }), edge('pay', 'web')],
    },
    placed: { edges: [way('web', 'pay'), way('web', 'cart'), way('cart', 'x'), way('pay', 'web'), way('web', 'gone')] },
  } as unknown as DrawnMap;
  expect(linesOf(drawn).map((line) => `${line.from}-${line.to} ${line.kind}`)).toEqual(['cart-x data', 'web-cart call', 'pay-web affected', 'web-pay path']);
});

test('names that are looked for', () => {
  const nodes = [node('orders-db'), node('Orders'), node('carts')];
  expect([...matching(nodes, 'order')]).toEqual(['orders-db', 'Orders']);
  expect([...matching(nodes, ' db  ord ')]).toEqual(['orders-db']);
  expect(matching(nodes, '').size).toBe(3);
});

test('affected services come first, and long names are cut by characters', () => {
  expect(byRole([node('b'), node('a'), node('c', 'cause')]).map((n) => n.service)).toEqual(['c', 'a', 'b']);
  expect([shorten('payment', 7), shorten('payment-service', 8), shorten('😀😀😀', 2)]).toEqual(['payment', 'payment…', '😀…']);
});
