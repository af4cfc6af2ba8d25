import { expect, test } from 'vitest';
import { namespaceOf, parseQuery } from './mapquery';

const shown = (service: string, more: object = {}, levels: object = {}) => ({
  node: { service, role: 'normal' as const, kind: 'service' as const, rank: null, confidence: null, ...more },
  levels: { requests_per_s: null, error_ratio: null, latency_ms: null, ...levels },
});

const ALL = [
  shown('shop/payment', { role: 'cause', rank: 1, confidence: 0.9 }, { error_ratio: 0.08, latency_ms: 250, requests_per_s: 20 }),
  shown('shop/orders', { role: 'victim', rank: 3 }, { error_ratio: 0.05, latency_ms: 90 }),
  shown('bank/ledger', { rank: 2 }, { error_ratio: 0 }),
  shown('bank/ledger-db', { kind: 'store' }),
];

const found = (text: string) => ALL.filter(parseQuery(text).matches).map(({ node }) => node.service);

test('words look for names, conditions for what a service is and shows', () => {
  expect(found('')).toHaveLength(4);
  expect(found('LEDGER')).toEqual(['bank/ledger', 'bank/ledger-db']);
  expect(found('ns:shop')).toEqual(['shop/payment', 'shop/orders']);
  expect(found('rank<=2')).toEqual(['shop/payment', 'bank/ledger']);
  expect(found('errors > 5%')).toEqual(['shop/payment']);
  expect(found('errors >= 5 % ns:shop')).toEqual(['shop/payment', 'shop/orders']);
  expect(found('latency>0.2s')).toEqual(['shop/payment']);
  expect(found('latency > 80 ms role:victim')).toEqual(['shop/orders']);
  expect(found('kind:store')).toEqual(['bank/ledger-db']);
});

test('what was not observed is neither more nor less', () => {
  expect(found('requests<1')).toEqual([]);
  expect(found('-requests<1')).toEqual(['shop/payment']);
  expect(found('-ns:bank')).toEqual(['shop/payment', 'shop/orders']);
});

test('a term that means nothing is told and does not count', () => {
  const query = parseQuery('colour:red rank>x errors>5%');
  expect(query.unknown).toEqual(['colour:red', 'rank>x']);
  expect(ALL.filter(query.matches)).toHaveLength(1);
});

test('a service without a namespace has none', () => {
  expect([namespaceOf('payment'), namespaceOf('shop/payment')]).toEqual(['', 'shop']);
});
