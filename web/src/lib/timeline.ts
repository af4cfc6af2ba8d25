// One timeline of everything that happened around an incident: changes, the onset of unusual values, alerts, experiments, and automap's messages.
// Sorted by time; simultaneous entries are ordered causes before effects.
import type { Dossier, Evidence, Experiment, Incident, Report } from '../api/types';
import { isNamed, placeOf } from './verdict';

export type EntryKind = 'change' | 'onset' | 'alert' | 'chaos' | 'message' | 'confirmed' | 'note' | 'source';

export type Entry = {
  at: number;
  kind: EntryKind;
  place: string;
  text: string;
  /** Belongs to the named cause, or fits the onset. */
  isCause: boolean;
  /** When it really began, if that is known as an interval. */
  between?: [number, number];
  url?: string | null;
};

/** The texts for a change, and for an experiment that has ended, in the reader's language. */
export type TimelineWords = { change: (evidence: Evidence) => string; ends: string };

const ORDER: EntryKind[] = ['chaos', 'change', 'onset', 'alert', 'source', 'message', 'confirmed', 'note'];

export function timeline(incident: Incident | undefined, report: Report, dossier: Dossier | undefined, experiments: Experiment[], words: TimelineWords): Entry[] {
  const entries = [...changes(report), ...onsets(report, dossier, words.change), ...chaos(experiments, words.ends), ...messages(incident)];
  const key = (entry: Entry) => [entry.at, ORDER.indexOf(entry.kind), entry.isCause ? 0 : 1] as const;
  return entries
    .filter((entry) => Number.isFinite(entry.at))
    .sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return x[0] - y[0] || x[1] - y[1] || x[2] - y[2] || a.place.localeCompare(b.place, 'en');
    });
}

function changes(report: Report): Entry[] {
  return (report.changes?.listed ?? []).map(({ change, role, summary }) => ({
    at: Date.parse(change.at),
    kind: 'change',
    place: change.service ?? '',
    text: summary,
    isCause: role === 'fits',
    url: change.url,
  }));
}

function onsets(report: Report, dossier: Dossier | undefined, change: (evidence: Evidence) => string): Entry[] {
  const intervals = new Map((dossier?.propagation.services ?? []).map((service) => [service.service, service]));
  const evidence = [
    ...report.causes.slice(0, 3).flatMap((cause) => cause.evidence.map((e) => ({ e, service: cause.service }))),
    ...report.symptoms.map((symptom) => ({ e: symptom.evidence, service: symptom.service })),
    ...report.victims.flatMap((victim) => victim.evidence.map((e) => ({ e, service: victim.service }))),
  ];
  const seen = new Set<string>();
  return evidence.flatMap(({ e, service }): Entry[] => {
    const id = JSON.stringify([e.seen_by, e.peer, e.metric]);
    if (!e.onset || seen.has(id)) return [];
    seen.add(id);
    const changed = intervals.get(service);
    const isThat = changed?.onset && changed.change.metric === e.metric && changed.change.seen_by === e.seen_by;
    return [
      {
        at: Date.parse(e.onset),
        kind: 'onset',
        place: placeOf(e),
        text: change(e),
        isCause: isNamed(report.verdict, service),
        between: isThat && changed.onset ? [Date.parse(changed.onset.earliest), Date.parse(changed.onset.latest)] : undefined,
      },
    ];
  });
}

function chaos(experiments: Experiment[], ends: string): Entry[] {
  const entry = (experiment: Experiment, at: string | null | undefined, suffix: string): Entry[] =>
    at
      ? [{ at: Date.parse(at), kind: 'chaos', place: experiment.places.join(', '), text: `${experiment.fault} (${experiment.name})${suffix}`, isCause: false }]
      : [];
  return experiments.flatMap((experiment) => [...entry(experiment, experiment.started, ''), ...entry(experiment, experiment.ended, `, ${ends}`)]);
}

function messages(incident: Incident | undefined): Entry[] {
  return (incident?.timeline ?? []).map(({ at, kind, text }) => ({ at: Date.parse(at), ...said(kind, text), place: '', isCause: false }));
}

/** Entries with their own kind need only their text; for others it is named. */
function said(kind: string, text: string): { kind: EntryKind; text: string } {
  if (kind === 'noted') return { kind: 'note', text };
  if (kind === 'alert' || kind === 'confirmed' || kind === 'source') return { kind, text: text || kind };
  return { kind: 'message', text: text ? `${kind}: ${text}` : kind };
}
