// Clocks and ages in the reader's zone and language.
import { words } from '../i18n/index.svelte';
import { clock, day, duration } from './format';
import { now } from './now.svelte';
import { settings } from './settings.svelte';

/** `14:03:15`, preceded by the date if that is not today. */
export function at(time: string | number | null | undefined): string {
  if (time === null || time === undefined) return '–';
  const ms = typeof time === 'number' ? time : Date.parse(time);
  const date = day(ms, settings.zone);
  return date === day(now.ms, settings.zone) ? clock(ms, settings.zone) : `${date} ${clock(ms, settings.zone)}`;
}

/** `14:03:15`. */
export function clockOf(time: string | number | null | undefined): string {
  if (time === null || time === undefined) return '–';
  return clock(typeof time === 'number' ? time : Date.parse(time), settings.zone);
}

/** `3 min ago`. */
export function ago(time: string): string {
  return words.t.ago(duration(now.ms - Date.parse(time)));
}
