import { expect, test } from 'vitest';
import { before, fieldText, fieldTime, parsePeriod, periodText, shifted } from './period';

const period = { from: Date.UTC(2026, 10, 24, 0, 57, 0), to: Date.UTC(2026, 10, 24, 1, 2, 0) };

test('a stretch of time in an address is read as it was written', () => {
  expect(periodText(period)).toBe('2026-11-24T00:57:00Z/2026-11-24T01:02:00Z');
  expect(parsePeriod(periodText(period))).toEqual(period);
});

test('what is no stretch of time is none', () => {
  for (const text of [null, '', 'x/y', '2026-11-24T01:02:00Z', '2026-11-24T01:02:00Z/2026-11-24T00:57:00Z', `${periodText(period)}/x`]) {
    expect(parsePeriod(text), String(text)).toBeUndefined();
  }
});

test('before it is as long as it', () => {
  expect(before(period)).toEqual({ from: Date.UTC(2026, 10, 24, 0, 52), to: period.from });
  expect(shifted(period, -86_400_000).to).toBe(Date.UTC(2026, 10, 23, 1, 2));
});

test('a field shows what was typed into it, in either zone', () => {
  for (const zone of ['utc', 'local'] as const) expect(fieldTime(fieldText(period.from, zone), zone)).toBe(period.from);
  expect(fieldText(period.from, 'utc')).toBe('2026-11-24T00:57:00');
});
