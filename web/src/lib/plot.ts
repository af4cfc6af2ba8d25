// One chart on a canvas, by uPlot: baseline and incident as shades, the normal range as a band, the onset as a dashed line; the crosshairs of all
// charts of a page move together.
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Chart } from '../api/types';
import { range, type Columns } from './chart';
import { clock, quantity, type Zone } from './format';
import { colour } from './theme.svelte';

const HEIGHT = 176;
const FONT = '11px system-ui, sans-serif';
/** Charts with the same key share their crosshair. */
const SYNC = 'automap';

function shade(u: uPlot, from: number, to: number, fill: string): void {
  const { ctx, bbox } = u;
  const left = Math.max(bbox.left, u.valToPos(from / 1000, 'x', true));
  const right = Math.min(bbox.left + bbox.width, u.valToPos(to / 1000, 'x', true));
  if (!(right > left)) return;
  ctx.fillStyle = fill;
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
}

function band(u: uPlot, low: number, high: number): void {
  const { ctx, bbox } = u;
  const inside = (y: number) => Math.min(bbox.top + bbox.height, Math.max(bbox.top, y));
  const top = inside(u.valToPos(high, 'y', true));
  const bottom = inside(u.valToPos(low, 'y', true));
  ctx.save();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = colour('band');
  ctx.fillRect(bbox.left, top, bbox.width, Math.max(1, bottom - top));
  ctx.restore();
}

function onset(u: uPlot, at: number): void {
  const { ctx, bbox } = u;
  const x = u.valToPos(at / 1000, 'x', true);
  if (x < bbox.left || x > bbox.left + bbox.width) return;
  ctx.save();
  ctx.strokeStyle = colour('cause');
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(x, bbox.top);
  ctx.lineTo(x, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}

/** A long unit does not fit beside a tick; it is in the caption. */
const MAX_UNIT_CHARS = 5;

function axisLabel(value: number, unit: string, largest: number): string {
  const [size = '', word = ''] = quantity(value, unit, largest).split(' ');
  return word.length > MAX_UNIT_CHARS ? size : `${size} ${word}`.trimEnd();
}

/** The texts of a chart in the reader's language: the word for time, and the names of its lines by their API names. */
type Words = { zone: Zone; time: string; lines: Record<string, string> };

/** A period selected by dragging, in milliseconds; nothing if the selection was cleared. */
export type OnSelect = (from: number, to: number) => void;

/** A drag shorter than this is a click. */
const MIN_DRAG_PX = 6;

/** Draws a chart into an empty box. */
export function plot(box: HTMLElement, chart: Chart, data: Columns, width: number, { zone, time, lines }: Words, onselect?: OnSelect): uPlot {
  const axis = { stroke: colour('muted'), font: FONT, grid: { stroke: colour('grid'), width: 0.5 }, ticks: { show: false } };
  const line = (label: string, i: number): uPlot.Series => ({
    label: lines[label] ?? label,
    stroke: colour(i === 0 ? 'line' : 'second'),
    width: 1.75,
    dash: i === 0 ? [] : [4, 3],
    points: { show: data[0].length < 2, size: 5 },
    value: (_, value) => quantity(value, chart.unit),
  });
  const options: uPlot.Options = {
    width,
    height: HEIGHT,
    cursor: { sync: { key: SYNC }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    legend: { show: true, live: true },
    scales: {
      x: { time: true, range: (_, min, max) => (min === null ? [chart.span.start_ms / 1000, chart.span.end_ms / 1000] : [min, max]) },
      y: { range: () => range(chart) },
    },
    axes: [
      { ...axis, size: 24, space: 80, values: (_, ticks) => ticks.map((tick) => clock(1000 * tick, zone)) },
      { ...axis, size: 62, space: 32, values: (_, ticks) => ticks.map((tick) => axisLabel(tick, chart.unit, Math.abs(ticks.at(-1) ?? 0))) },
    ],
    series: [{ label: time, value: (_, value) => (value === null ? '–' : clock(1000 * value, zone)) }, ...chart.lines.map((l, i) => line(l.label, i))],
    hooks: {
      drawClear: [
        (u) => {
          shade(u, chart.baseline.start_ms, chart.baseline.end_ms, colour('tint-baseline'));
          shade(u, chart.incident.start_ms, chart.incident.end_ms, colour('tint-incident'));
          if (chart.normal) band(u, chart.normal.low, chart.normal.high);
        },
      ],
      // Values are shown below a chart while a crosshair is active; without one they would only be dashes.
      setLegend: [(u) => u.root.classList.toggle('is-read', u.cursor.idx !== null && u.cursor.idx !== undefined)],
      setSelect: [
        (u) => {
          const { left, width } = u.select;
          if (width >= MIN_DRAG_PX) onselect?.(1000 * u.posToVal(left, 'x'), 1000 * u.posToVal(left + width, 'x'));
        },
      ],
      draw: [(u) => (typeof chart.onset_ms === 'number' ? onset(u, chart.onset_ms) : undefined)],
    },
  };
  return new uPlot(options, data as uPlot.AlignedData, box);
}
