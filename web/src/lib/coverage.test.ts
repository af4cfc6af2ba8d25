import { expect, test } from 'vitest';
import { commandOf, joined } from './coverage';

test('signals that are missing together are one gap', () => {
  const gap = (signal: 'errors' | 'latency' | 'requests' | 'calls', services: string[], remedy: string) => ({ signal, services, everywhere: false, costs: `no ${signal}`, remedy });
  const gaps = joined([gap('requests', ['a', 'b'], 'a mesh'), gap('errors', ['a', 'b'], 'a mesh'), gap('calls', ['a', 'b'], '--calls'), gap('latency', ['a'], 'a mesh')]);
  expect(gaps.map((one) => one.signals)).toEqual([['requests', 'errors'], ['calls'], ['latency']]);
  expect(gaps[0]?.costs).toEqual(['no requests', 'no errors']);
});

test('a command names the source and its namespace', () => {
  expect(commandOf('doctor', 'http://prometheus:9090, namespace shop')).toBe('automap doctor --prometheus http://prometheus:9090 -n shop');
  expect(commandOf('doctor', 'http://prometheus:9090, namespace $(id)')).toBe("automap doctor --prometheus http://prometheus:9090 -n '$(id)'");
  expect(commandOf('discover', 'http://prometheus:9090')).toBe('automap discover --prometheus http://prometheus:9090 -n NAMESPACE');
});
