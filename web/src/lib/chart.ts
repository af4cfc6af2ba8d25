// Converts the API's series into the input of a plot.
import type { Chart, Evidence } from '../api/types';

/** Times in seconds and one row of values for each line; `null` is a gap. */
export type Columns = [number[], ...(number | null)[][]];

/** Lines of one chart may have points at different times: the missing values become gaps. */
export function columns(chart: Chart): Columns {
  const times = [...new Set(chart.lines.flatMap((line) => line.points.map((point) => point.at_ms)))].sort((a, b) => a - b);
  const rows = chart.lines.map((line) => {
    const values = new Map(line.points.map((point) => [point.at_ms, point.value ?? null]));
    return times.map((at) => values.get(at) ?? null);
  });
  return [times.map((at) => at / 1000), ...rows];
}

/** How far the normal range may extend the axis, as a multiple of the largest value. */
const BAND_SHARE = 2;

/** The range of values to show: all points, the normal range as far as the line stays readable, a small margin, and zero if it is near. */
export function range(chart: Chart): [number, number] {
  const seen = chart.lines.flatMap((line) => line.points.flatMap((point) => (typeof point.value === 'number' ? [point.value] : [])));
  const finite = seen.filter(Number.isFinite);
  if (finite.length === 0) return chart.normal ? [chart.normal.low, chart.normal.high] : [0, 1];
  let low = finite.reduce((a, b) => Math.min(a, b));
  let high = finite.reduce((a, b) => Math.max(a, b));
  if (chart.normal) {
    // A very wide range would press the line against the axis.
    const room = (BAND_SHARE - 1) * Math.max(Math.abs(low), Math.abs(high)) || Infinity;
    low = Math.min(low, Math.max(chart.normal.low, low - room));
    high = Math.max(high, Math.min(chart.normal.high, high + room));
  }
  const air = (high - low || Math.abs(high) || 1) * 0.08;
  const bottom = low >= 0 && low < 0.5 * high ? 0 : low - air;
  return [low >= 0 ? Math.max(0, bottom) : bottom, high + air];
}

/** The chart that shows an item of evidence. */
export function chartOf(charts: Chart[], evidence: Evidence): Chart | undefined {
  return charts.find((chart) => chart.metric === evidence.metric && chart.service === evidence.seen_by && (chart.peer ?? null) === (evidence.peer ?? null));
}

/** Paths of a sparkline in a box: one `M … L …` for each stretch without a gap. */
export function sparkline(chart: Chart, width: number, height: number): string {
  const [low, high] = range(chart);
  const span = chart.span.end_ms - chart.span.start_ms || 1;
  const place = (at: number, value: number) =>
    `${((width * (at - chart.span.start_ms)) / span).toFixed(1)} ${(height - (height * (value - low)) / (high - low || 1)).toFixed(1)}`;
  let path = '';
  let isOpen = false;
  for (const point of chart.lines[0]?.points ?? []) {
    if (typeof point.value !== 'number') {
      isOpen = false;
      continue;
    }
    path += `${isOpen ? 'L' : 'M'}${place(point.at_ms, point.value)}`;
    isOpen = true;
  }
  return path;
}
