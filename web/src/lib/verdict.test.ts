import { expect, test } from 'vitest';
import type { Cause, Report, Verdict } from '../api/types';
import { en } from '../i18n/en';
import { zh } from '../i18n/zh';
import { changeOf, detailed, headline, isNamed, placeOf, runnerUp, sentence } from './verdict';

const verdict: Verdict = {
  kind: 'cause',
  service: 'payment',
  causes: [],
  is_felt: true,
  mechanism: 'network',
  confidence: 0.82,
  level: 'high',
  summary: 'payment (network)',
};

const cause = (rank: number, service: string, confidence: number) => ({ rank, service, confidence }) as Cause;

test('the headline names the cause, a pair, or several', () => {
  expect(headline(verdict, en)).toEqual({ kicker: 'Most likely cause', name: 'payment', detail: 'network', tone: 'cause' });
  const pair = { ...verdict, causes: [{ services: ['a', 'a-db'], mechanism: 'slow', summary: '' }] };
  expect(headline(pair, en).name).toBe('a or a-db');
  const several = { ...verdict, causes: [...pair.causes, { services: ['b'], mechanism: null, summary: '' }] };
  expect(headline(several, zh)).toMatchObject({ kicker: '最可能的几个原因', name: 'a 或 a-db 和 b', detail: '' });
});

test('without a cause the headline says so and names nobody', () => {
  expect(headline({ ...verdict, kind: 'cannot_tell' }, en)).toMatchObject({ tone: 'open', name: en.verdict.cannot_tell });
  expect(headline({ ...verdict, kind: 'no_incident' }, en).tone).toBe('calm');
});

test('the runner-up is the first that is not named', () => {
  const causes = [cause(1, 'payment', 0.82), cause(2, 'orders', 0.13), cause(3, 'carts', 0.01), cause(4, 'user', 0.001)];
  expect(runnerUp({ verdict, causes } as Report)?.service).toBe('orders');
  expect(detailed(causes).map((group) => group.map((c) => c.rank))).toEqual([[1, 2], [3, 4]]);
  expect(isNamed(verdict, 'payment') && !isNamed(verdict, 'orders')).toBe(true);
});

test('a place is named once', () => {
  const call = { seen_by: 'orders', peer: 'payment', summary: 'orders→payment latency 5 → 255 ms' };
  expect([placeOf(call), changeOf(call)]).toEqual(['orders → payment', 'latency 5 → 255 ms']);
  const own = { seen_by: 'orders', peer: null, summary: 'CPU 3 → 4 cores' };
  expect([placeOf(own), changeOf(own)]).toEqual(['orders', 'CPU 3 → 4 cores']);
});

test('a sentence begins with a capital, and a name stays as it is', () => {
  expect(sentence('the network of payment accounts for 89 %')).toBe('The network of payment accounts for 89 %.');
  expect(sentence('unchanged: CPU, memory.')).toBe('Unchanged: CPU, memory.');
  expect(sentence('front-end: mean latency 24 → 50 ms')).toBe('front-end: mean latency 24 → 50 ms.');
  expect(sentence('')).toBe('');
});
