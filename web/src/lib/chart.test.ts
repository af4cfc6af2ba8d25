import { expect, test } from 'vitest';
import type { Chart } from '../api/types';
import { columns, range, sparkline } from './chart';

const points = (values: (number | null)[], step = 1000) => values.map((value, i) => ({ at_ms: i * step, value }));

const chart = (lines: ReturnType<typeof points>[], normal: Chart['normal'] = null) =>
  ({
    lines: lines.map((line, i) => ({ label: `${i}`, points: line, samples: line.length, gaps: 0 })),
    normal,
    span: { start_ms: 0, end_ms: 3000 },
  }) as unknown as Chart;

test('lines with different times share one axis, and gaps stay gaps', () => {
  expect(columns(chart([points([1, null, 3]), points([5, 6], 2000)]))).toEqual([
    [0, 1, 2],
    [1, null, 3],
    [5, null, 6],
  ]);
});

test('the normal range is part of what is shown, and zero where it is near', () => {
  expect(range(chart([points([10, 20])]))[0]).toBe(9.2);
  expect(range(chart([points([1, 20])]))[0]).toBe(0);
  const [low, high] = range(chart([points([100, 101])], { median: 100, low: 90, high: 110 }));
  expect(low < 90 && high > 110).toBe(true);
  expect(range(chart([points([3, 4])], { median: 3, low: 0, high: 44 }))[1]).toBeCloseTo(8.64);
  expect(range(chart([points([0, 0])], { median: 0, low: 0, high: 0.02 }))[1]).toBeCloseTo(0.0216);
  expect(range(chart([points([null])]))).toEqual([0, 1]);
});

test('a sparkline is broken where nothing was observed', () => {
  expect(sparkline(chart([points([0, 10, null, 10])]), 30, 10)).toMatch(/^M0\.0 10\.0L10\.0 [\d.]+M30\.0 [\d.]+$/);
});
