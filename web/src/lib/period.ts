// Periods in addresses and fields. An address has them in UTC, so that a link means the same everywhere; a field shows the reader's zone.
import type { Zone } from './format';

export type Period = { from: number; to: number };

/** `2026-11-24T00:57:00Z/2026-11-24T01:02:00Z`, or nothing if that is not a period. */
export function parsePeriod(text: string | null): Period | undefined {
  const [from = NaN, to = NaN, ...rest] = (text ?? '').split('/').map((end) => Date.parse(end));
  return from < to && rest.length === 0 ? { from, to } : undefined;
}

export function periodText({ from, to }: Period): string {
  return `${instant(from)}/${instant(to)}`;
}

/** RFC 3339 in whole seconds. */
export function instant(ms: number): string {
  return `${new Date(Math.round(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

export function shifted({ from, to }: Period, by_ms: number): Period {
  return { from: from + by_ms, to: to + by_ms };
}

/** The equally long period just before it. */
export function before(period: Period): Period {
  return shifted(period, period.from - period.to);
}

/** The text for a field of type `datetime-local`. */
export function fieldText(ms: number, zone: Zone): string {
  const offset = zone === 'utc' ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  return new Date(ms - offset).toISOString().slice(0, 19);
}

/** The value typed into such a field: without a zone, browsers read it as local time. */
export function fieldTime(text: string, zone: Zone): number {
  return Date.parse(zone === 'utc' ? `${text}Z` : text);
}
