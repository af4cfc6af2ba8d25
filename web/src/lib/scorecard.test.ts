import { expect, test } from 'vitest';
import type { Experiment, Incident } from '../api/types';
import { byKind, scorecard } from './scorecard';

const T = (minute: number) => new Date(Date.UTC(2026, 10, 24, 12, minute)).toISOString();
const experiment = (fault: string, place: string | undefined, from: number, to: number | null): Experiment => ({
  ...{ name: `${fault}-${from}`, fault, places: place ? [place] : [], started: T(from), ended: to === null ? null : T(to) },
});
const incident = (onset: number, service?: string) => ({ id: `i${onset}`, onset: T(onset), cause: service ? { service } : null }) as Incident;

test('an experiment is scored by the incidents that began during it', () => {
  const rows = scorecard(
    [
      experiment('delay', 'payment', 0, 5),
      experiment('delay', 'orders', 10, 15),
      experiment('kill', 'carts', 20, 25),
      experiment('kill', 'user', 30, 35),
      experiment('cpu', undefined, 40, 45),
      experiment('loss', 'carts', 59, null),
    ],
    [incident(1, 'shop/payment'), incident(11, 'carts'), incident(21), incident(50, 'user')],
  );
  expect(rows.map((row) => row.outcome)).toEqual(['named', 'other', 'open', 'quiet', 'unknown', 'early']);
  expect(byKind(rows).map(({ fault, named, other, open, quiet }) => [fault, named, other, open, quiet])).toEqual([
    ['delay', 1, 1, 0, 0],
    ['kill', 0, 0, 1, 1],
    ['cpu', 0, 0, 0, 0],
  ]);
});
