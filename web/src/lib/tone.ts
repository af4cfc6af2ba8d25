// The tone of each state, the same on every page.
import type { Incident, Severity, SloStatus, TargetStatus } from '../api/types';

export type Tone = 'cause' | 'warn' | 'calm' | 'muted';

export function severityTone(severity: Severity): Tone {
  if (severity === 'critical') return 'cause';
  return severity === 'warning' ? 'warn' : 'muted';
}

export function incidentTone(incident: Pick<Incident, 'state' | 'severity'>): Tone {
  if (incident.state === 'closed') return 'muted';
  return incident.state === 'recovering' ? 'calm' : severityTone(incident.severity);
}

export function targetTone(state: TargetStatus['state']): Tone {
  if (state === 'watching') return 'calm';
  if (state === 'failing') return 'cause';
  return state === 'blind' ? 'warn' : 'muted';
}

/** Whether finding nothing in a target means that nothing is wrong with it. */
export function canTell(state: TargetStatus['state'] | undefined): boolean {
  return state === 'watching' || state === 'following' || state === 'recorded';
}

export function sloTone(state: SloStatus['state']): Tone {
  if (state === 'missed') return 'cause';
  if (state === 'burning') return 'warn';
  return state === 'met' ? 'calm' : 'muted';
}
