// The texts in the language that the reader chose.
import type { Evidence, TargetStatus } from '../api/types';
import { change } from '../lib/format';
import type { Health } from '../lib/health';
import { settings } from '../lib/settings.svelte';
import { changeOf } from '../lib/verdict';
import { en, type Messages } from './en';
import { MECHANISMS, metricWords } from './metrics';
import { zh } from './zh';

const all: Record<typeof settings.language, Messages> = { en, zh };

type Said = Pick<Evidence, 'seen_by' | 'peer' | 'summary' | 'metric' | 'from' | 'to' | 'unit'>;

class Words {
  readonly t: Messages = $derived(all[settings.language]);

  /** The change without its place. The server's sentence is English; for another language it is built from the numbers. */
  change(evidence: Said): string {
    const { metric, from, to, unit } = evidence;
    const isTold = settings.language === 'en' || this.metric(metric) === metric || typeof from !== 'number' || typeof to !== 'number';
    return isTold ? changeOf(evidence) : `${this.metric(metric)} ${change(from, to, unit)}`;
  }

  /** `network` in the reader's language. */
  mechanism(name: string): string {
    return settings.language === 'zh' ? (MECHANISMS[name] ?? name) : name;
  }

  /** The health of a service; if it is `untold`, the state of its target. */
  health(health: Health, state: TargetStatus['state'] | undefined): string {
    const { services, roles, states } = this.t;
    if (health === 'untold') return state ? states[state] : '–';
    return { suspect: services.suspect, wrong: services.wrong, healthy: services.healthy, victim: roles.victim, unobserved: roles.unobserved }[health];
  }

  metric(name: string): string {
    return metricWords(name, settings.language);
  }
}

export const words = new Words();
