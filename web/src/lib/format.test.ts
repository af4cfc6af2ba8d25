import { expect, test } from 'vitest';
import { change, clock, day, duration, number, percent, quantity, zoneName } from './format';

test('numbers have three digits and no needless zeros', () => {
  expect([0, 0.239, 74.13, 376, 1234.5, -3.25, 1e-9].map(number)).toEqual(['0', '0.239', '74.1', '376', '1,235', '-3.25', '1e-9']);
});

test('what was not observed is not zero', () => {
  expect([number(null), number(NaN), quantity(undefined, 'ms'), percent(null)]).toEqual(['–', '–', '–', '–']);
});

test('a unit is one that people say, and stands once', () => {
  expect(quantity(0.031, 'ratio')).toBe('3.1 %');
  expect(quantity(120 * 1024 * 1024, 'bytes')).toBe('120 MiB');
  expect(quantity(1536, 'bytes/s')).toBe('1.5 KiB/s');
  expect(quantity(0.004, 'cores')).toBe('4 millicores');
  expect(quantity(2.5, 'cores')).toBe('2.5 cores');
  expect(quantity(3, 'count')).toBe('3');
  expect(quantity(0.5, 'cores', 2)).toBe('0.5 cores');
  expect(change(48.67, 487.5, 'ms')).toBe('48.7 → 488 ms');
  expect(change(null, 3, '1/s')).toBe('– → 3 /s');
});

test('a span shows its two largest units', () => {
  expect([4_000, 200_000, 900_000, 7_500_000, 90_000_000, 500_000_000].map(duration)).toEqual([
    '4 s',
    '3 min 20 s',
    '15 min',
    '2 h 5 min',
    '1 d 1 h',
    '5 d',
  ]);
});

test('clocks are in one zone', () => {
  const at = Date.UTC(2026, 10, 24, 0, 57, 26);
  expect([clock(at, 'utc'), day(at, 'utc'), zoneName('utc', at), clock(NaN, 'utc')]).toEqual(['00:57:26', '2026-11-24', 'UTC', '–']);
});
