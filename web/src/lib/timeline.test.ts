import { expect, test } from 'vitest';
import type { Dossier, Experiment, Incident, Report } from '../api/types';
import { timeline } from './timeline';
import { changeOf } from './verdict';

const T = (s: number) => new Date(Date.UTC(2026, 10, 24, 0, 57, s)).toISOString();

const evidence = (seen_by: string, onset: string | null, metric = 'latency_ms') => ({ seen_by, peer: null, metric, onset, summary: 'latency 4 → 312 ms' });

const report = {
  verdict: { kind: 'cause', service: 'payment', causes: [] },
  causes: [{ rank: 1, service: 'payment', evidence: [evidence('payment', T(26)), evidence('payment', null, 'cpu_cores')] }],
  symptoms: [{ service: 'front-end', evidence: evidence('front-end', T(28)) }],
  victims: [{ service: 'front-end', evidence: [evidence('front-end', T(28))] }],
  changes: { listed: [{ change: { at: T(20), service: 'payment', url: null }, role: 'fits', summary: 'release 1 → 2' }] },
} as unknown as Report;

test('everything is in one order, and nothing is told twice', () => {
  const incident = { timeline: [{ at: T(28), kind: 'alert', text: 'HighLatency' }, { at: T(40), kind: 'opened', text: 'payment' }] } as unknown as Incident;
  const experiments: Experiment[] = [{ name: 'delay', fault: 'NetworkChaos delay', places: ['payment'], started: T(22), ended: T(50) }];
  const entries = timeline(incident, report, undefined, experiments, { change: changeOf, ends: 'ends' });
  expect(entries.map((entry) => `${new Date(entry.at).getUTCSeconds()} ${entry.kind} ${entry.place}`)).toEqual([
    '20 change payment',
    '22 chaos payment',
    '26 onset payment',
    '28 onset front-end',
    '28 alert ',
    '40 message ',
    '50 chaos payment',
  ]);
  expect(entries[0]?.isCause && entries[2]?.isCause && !entries[3]?.isCause).toBe(true);
});

test('an onset carries its interval where one is known', () => {
  const change = evidence('payment', T(26));
  const onset = { at: T(26), earliest: T(24), latest: T(26) };
  const dossier = { propagation: { services: [{ service: 'payment', change, onset }] } } as unknown as Dossier;
  const entry = timeline(undefined, report, dossier, [], { change: changeOf, ends: '' }).find((e) => e.place === 'payment' && e.kind === 'onset');
  expect(entry?.between).toEqual([Date.parse(T(24)), Date.parse(T(26))]);
});
