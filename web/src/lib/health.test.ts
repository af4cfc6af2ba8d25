import { expect, test } from 'vitest';
import type { Report, ServiceStatus } from '../api/types';
import { healthOf } from './health';

const seen: Pick<ServiceStatus, 'service' | 'metrics' | 'signs' | 'is_seen'> = { service: 'orders', metrics: ['latency_ms'], signs: [], is_seen: true };
const report = { verdict: { kind: 'cause', service: 'payment', causes: [] }, victims: [{ service: 'orders' }] } as unknown as Report;

test('what is wrong is told however little is seen, and calm only of what is seen', () => {
  expect(healthOf(seen, undefined, 'watching')).toBe('healthy');
  expect(healthOf(seen, undefined, 'recorded')).toBe('healthy');
  for (const state of ['starting', 'learning', 'blind', 'failing', undefined] as const) expect(healthOf(seen, undefined, state)).toBe('untold');
  expect(healthOf({ ...seen, is_seen: false }, undefined, 'watching')).toBe('unobserved');
  expect(healthOf({ ...seen, metrics: [] }, undefined, 'watching')).toBe('unobserved');
  expect(healthOf(seen, report, 'failing')).toBe('victim');
  expect(healthOf({ ...seen, service: 'payment', is_seen: false }, report, 'failing')).toBe('suspect');
  const sign = { service: 'orders', indicator: 'latency', metric: 'latency_ms', from: 20, to: 90, unit: 'ms' } as ServiceStatus['signs'][number];
  expect(healthOf({ ...seen, signs: [sign] }, undefined, 'learning')).toBe('wrong');
});
