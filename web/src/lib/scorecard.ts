// Compares experiments with automap's answers at that time. No diagnosis sees an experiment, so this shows how often an answer was right.
import type { Experiment, Incident } from '../api/types';

/** `named`: an incident of that time names a place of the experiment; `other`: incidents name others; `open`: none names anything; `quiet`: no incident;
    `early`: it goes on, and there is no incident yet. */
export type Outcome = 'named' | 'other' | 'open' | 'quiet' | 'unknown' | 'early';

export type Row = { experiment: Experiment; incidents: Incident[]; outcome: Outcome };

/** A fault takes effect some time after it was injected, and an onset is known to within some samples. */
const EARLY_MS = 60_000;
const LATE_MS = 10 * 60_000;

export function scorecard(experiments: Experiment[], incidents: Incident[]): Row[] {
  return experiments.map((experiment) => {
    const during = incidents.filter((incident) => beganDuring(incident, experiment));
    return { experiment, incidents: during, outcome: outcomeOf(experiment, during) };
  });
}

function beganDuring(incident: Incident, { started, ended }: Experiment): boolean {
  if (!started) return false;
  const onset = Date.parse(incident.onset);
  const last = Math.min(ended ? Date.parse(ended) : Infinity, Date.parse(started) + LATE_MS);
  return onset >= Date.parse(started) - EARLY_MS && onset <= last;
}

function outcomeOf({ places, ended }: Experiment, incidents: Incident[]): Outcome {
  if (places.length === 0) return 'unknown';
  if (incidents.length === 0) return ended ? 'quiet' : 'early';
  // The cause that automap named, not one confirmed later.
  const named = incidents.flatMap((incident) => (incident.cause ? [incident.cause.service] : []));
  if (named.some((service) => places.some((place) => isPlace(service, place)))) return 'named';
  return named.length ? 'other' : 'open';
}

/** If several namespaces are watched, a service name starts with its namespace. */
function isPlace(service: string, place: string): boolean {
  return service === place || service.endsWith(`/${place}`);
}

/** Final outcomes only: others may still change and are not counted. */
export const FINAL = ['named', 'other', 'open', 'quiet', 'unknown'] as const satisfies Outcome[];

export type Count = { fault: string } & Record<(typeof FINAL)[number], number>;

/** How often each kind of fault had each outcome, the most frequent kind first. */
export function byKind(rows: Row[]): Count[] {
  const counts = new Map<string, Count>();
  for (const { experiment, outcome } of rows) {
    if (outcome === 'early') continue;
    const count = counts.get(experiment.fault) ?? { fault: experiment.fault, named: 0, other: 0, open: 0, quiet: 0, unknown: 0 };
    count[outcome] += 1;
    counts.set(experiment.fault, count);
  }
  const total = (count: Count) => count.named + count.other + count.open + count.quiet + count.unknown;
  return [...counts.values()].sort((a, b) => total(b) - total(a) || a.fault.localeCompare(b.fault, 'en'));
}
