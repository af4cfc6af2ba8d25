// The health of a service, from its observations and the diagnosis. It is healthy only if it is observed, in a target that is watched well enough.
import type { Report, ServiceStatus, TargetStatus } from '../api/types';
import { canTell, type Tone } from './tone';
import { isNamed } from './verdict';

/** `untold`: observed, but its target is not watched well enough to say more. */
export type Health = 'suspect' | 'wrong' | 'victim' | 'healthy' | 'untold' | 'unobserved';

/** The worst first. */
export const HEALTH: Health[] = ['suspect', 'wrong', 'victim', 'healthy', 'untold', 'unobserved'];

export const healthTones: Record<Health, Tone> = { suspect: 'cause', wrong: 'warn', victim: 'warn', healthy: 'calm', untold: 'muted', unobserved: 'muted' };

type Seen = Pick<ServiceStatus, 'service' | 'metrics' | 'signs' | 'is_seen'>;

export function healthOf(service: Seen, report: Pick<Report, 'verdict' | 'victims'> | undefined, state: TargetStatus['state'] | undefined): Health {
  if (report && isNamed(report.verdict, service.service)) return 'suspect';
  if (service.signs.length) return 'wrong';
  if (report?.victims.some((victim) => victim.service === service.service)) return 'victim';
  if (service.metrics.length === 0 || !service.is_seen) return 'unobserved';
  return canTell(state) ? 'healthy' : 'untold';
}
