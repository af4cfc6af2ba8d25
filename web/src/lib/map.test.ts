import { expect, test } from 'vitest';
import type { DrawnMap, MapEdge, MapNode, NodeRole } from '../api/types';
import { atTime, byRole, groupsOf, headOf, linesOf, matching, pathOf, shorten } from './map';

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

test('before its onset a service is normal, and so is the way to it', () => {
  const T = (s: number) => new Date(Date.UTC(2026, 10, 24, 0, 57, s)).toISOString();
  const node = (service: string, role: NodeRole, onset: string | null) => ({ service, role, onset, confidence: 0.5, summary: 'x' }) as MapNode;
  const nodes = [node('payment', 'cause', T(10)), node('orders', 'victim', T(20)), node('carts', 'victim', null), node('user', 'unobserved', null)];
  const drawn = { map: { nodes, edges: [{ from: 'orders', to: 'payment', on_path: true }] }, placed: {}, folded: 0 } as unknown as DrawnMap;
  const roles = (s: number) => atTime(drawn, Date.parse(T(s)), Date.parse(T(5))).map.nodes.map((n) => n.role);
  expect(roles(0)).toEqual(['normal', 'normal', 'normal', 'unobserved']);
  expect(roles(12)).toEqual(['cause', 'normal', 'victim', 'unobserved']);
  expect(atTime(drawn, Date.parse(T(12)), Date.parse(T(5))).map.edges[0]?.on_path).toBe(false);
  expect(atTime(drawn, Date.parse(T(20)), Date.parse(T(5)))).toBe(drawn);
});

test('groups are namespaces and kinds, with those that are affected first', () => {
  const node = (service: string, role: NodeRole, kind = 'service') => ({ service, role, kind }) as MapNode;
  const groups = groupsOf([node('shop/a', 'normal'), node('shop/b', 'normal'), node('bank/c', 'cause'), node('bank/d', 'normal', 'store')]);
  expect(groups.map(({ term, services, affected }) => [term, services, affected])).toEqual([
    ['ns:bank', 2, 1],
    ['ns:shop', 2, 0],
    ['kind:store', 1, 0],
  ]);
});
