// Formats numbers, spans and clocks for people.

/** At most three significant digits, without needless zeros; `–` for what was not observed. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

const KIB = 1024;

/** The factor and the unit word for values up to `largest`, as in reports. */
function displayUnit(unit: string, largest: number): [number, string] {
  switch (unit) {
    case 's':
      return largest < 1 ? [1000, 'ms'] : [1, 's'];
    case 'ratio':
      return [100, '%'];
    case '1/s':
      return [1, '/s'];
    case 'cores':
      return largest < 1 ? [1000, 'millicores'] : [1, 'cores'];
    case 'bytes':
    case 'bytes/s': {
      const per = unit === 'bytes' ? '' : '/s';
      if (largest >= KIB ** 3) return [1 / KIB ** 3, `GiB${per}`];
      return largest >= KIB ** 2 ? [1 / KIB ** 2, `MiB${per}`] : [1 / KIB, `KiB${per}`];
    }
    case 'count':
      return [1, ''];
    default:
      return [1, unit];
  }
}

/** A value with its unit, such as `74.1 ms`, `3.2 %`, `120 MiB`; `largest` is the value that determines the unit, if several are shown together. */
export function quantity(value: number | null | undefined, unit: string, largest = Math.abs(value ?? 0)): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const [factor, word] = displayUnit(unit, largest);
  return `${number(value * factor)} ${word}`.trimEnd();
}

/** `48.7 → 488 ms`: the unit is written once. */
export function change(from: number | null | undefined, to: number | null | undefined, unit: string): string {
  const [factor, word] = displayUnit(unit, Math.max(Math.abs(from ?? 0), Math.abs(to ?? 0)));
  const one = (value: number | null | undefined) => number(typeof value === 'number' ? value * factor : value);
  return `${one(from)} → ${one(to)} ${word}`.trimEnd();
}

/** `0.82` as `82 %`. */
export function percent(share: number | null | undefined): string {
  return share === null || share === undefined || !Number.isFinite(share) ? '–' : `${Math.round(100 * share)} %`;
}

/** A span in its two largest units: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d`. */
export function duration(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10 && seconds % 60) return `${minutes} min ${seconds % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  const days = Math.floor(hours / 24);
  return days < 3 && hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export type Zone = 'local' | 'utc';

const two = (n: number) => String(n).padStart(2, '0');

/** `14:03:15` in the viewer's zone, or in UTC. */
export function clock(at: number, zone: Zone): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  return zone === 'utc'
    ? `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
    : `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** `2026-11-24`. */
export function day(at: number, zone: Zone): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return '–';
  return zone === 'utc'
    ? `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`
    : `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** `UTC`, or `UTC+08:00`. */
export function zoneName(zone: Zone, at: number): string {
  const minutes = zone === 'utc' ? 0 : -new Date(at).getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}
