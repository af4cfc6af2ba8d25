// The parts of an answer, which each language puts into a sentence.
import type { Messages } from '../i18n/en';
import type { Cause, Report, Verdict } from '../api/types';

export type Headline = { kicker: string; name: string; detail: string; tone: 'cause' | 'calm' | 'open' };

/** `Most likely cause` – `payment` – `network`. */
export function headline(verdict: Verdict, t: Messages): Headline {
  if (verdict.kind === 'no_incident') return { kicker: '', name: t.verdict.no_incident, detail: '', tone: 'calm' };
  if (verdict.kind !== 'cause') return { kicker: '', name: t.verdict[verdict.kind], detail: '', tone: 'open' };
  const groups = (verdict.causes ?? []).map((cause) => cause.services.join(t.verdict.or));
  const name = groups.length ? groups.join(t.verdict.and) : (verdict.service ?? '–');
  const several = groups.length > 1;
  return { kicker: several ? t.verdict.causes : t.verdict.cause, name, detail: several ? '' : (verdict.mechanism ?? ''), tone: 'cause' };
}

export function isNamed(verdict: Verdict, service: string): boolean {
  return verdict.service === service || (verdict.causes ?? []).some((cause) => cause.services.includes(service));
}

/** Candidates below this confidence are a name in a list, not a block. The reports use the same. */
const FAINT = 0.02;
const DETAILED = 3;

/** The candidates to show in full, and the rest. */
export function detailed(causes: Cause[]): [Cause[], Cause[]] {
  const isDetailed = (cause: Cause) => cause.rank === 1 || (cause.rank <= DETAILED && cause.confidence >= FAINT);
  return [causes.filter(isDetailed), causes.filter((cause) => !isDetailed(cause))];
}

/** The most likely candidate that is not named. */
export function runnerUp(report: Report): Cause | undefined {
  return report.causes.find((cause) => !isNamed(report.verdict, cause.service) && cause.confidence >= FAINT);
}

/** `payment`, or `orders → payment` for a caller's measurement of a call. */
export function placeOf(evidence: { seen_by: string; peer?: string | null }): string {
  return evidence.peer ? `${evidence.seen_by} → ${evidence.peer}` : evidence.seen_by;
}

/** The change without the place at the start of the sentence, which is shown beside it. */
export function changeOf(evidence: { seen_by: string; peer?: string | null; summary: string }): string {
  const prefix = `${evidence.seen_by}→${evidence.peer} `;
  return evidence.peer && evidence.summary.startsWith(prefix) ? evidence.summary.slice(prefix.length) : evidence.summary;
}

/** A sentence on its own begins with a capital, unless it begins with a name. */
export function sentence(text: string): string {
  const trimmed = text.trim().replace(/\.$/, '');
  const isName = !/^(the|its|it|unchanged|no|in|of|changed|a|an) ?:? /.test(trimmed) && !/^unchanged:/.test(trimmed);
  return trimmed ? `${isName ? trimmed : trimmed.charAt(0).toUpperCase() + trimmed.slice(1)}.` : '';
}
