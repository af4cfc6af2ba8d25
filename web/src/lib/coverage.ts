// The missing signals of a target, grouped for a reader, and the commands that check its source.
import type { TargetCoverage } from '../api/types';
import { quoted } from './shell';

type Missing = TargetCoverage['missing'][number];
export type Gap = { signals: Missing['signal'][]; costs: string[]; services: string[]; everywhere: boolean; remedy: string };

/** Signals that are missing at the same services and have the same remedy, as one gap each. */
export function joined(missing: Missing[]): Gap[] {
  const gaps = new Map<string, Gap>();
  for (const { signal, costs, services, everywhere, remedy } of missing) {
    const key = JSON.stringify([services, everywhere, remedy]);
    const gap = gaps.get(key) ?? { signals: [], costs: [], services, everywhere, remedy };
    gap.signals.push(signal);
    gap.costs.push(costs);
    gaps.set(key, gap);
  }
  return [...gaps.values()];
}

/** A source is `http://prometheus:9090, namespace shop`. */
export function commandOf(verb: string, source: string): string {
  const [url = ''] = source.split(', namespace ');
  return `automap ${verb} --prometheus ${quoted(url)} -n ${quoted(namespaceOf(source) ?? 'NAMESPACE')}`;
}

export function namespaceOf(source: string): string | undefined {
  return source.split(', namespace ')[1]?.split(', ')[0];
}
