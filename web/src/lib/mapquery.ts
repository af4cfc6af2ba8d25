// The search on a map: words, and conditions on the properties and values of a service.
//
//   pay ns:shop role:victim rank<=2 errors>5% latency>200ms requests<1 -node
//
// Every term must match; a term after `-` must not. A word matches names. A condition on a number that was not observed is not met, and neither is
// its opposite: without data neither is known.
import type { MapNode, ServiceStatus } from '../api/types';

type Shown = { node: Pick<MapNode, 'service' | 'role' | 'kind' | 'rank' | 'confidence'>; levels?: ServiceStatus['levels'] };
type Test = (shown: Shown) => boolean | undefined;

export type Query = { matches: (shown: Shown) => boolean; unknown: string[] };

const NUMBERS: Record<string, (shown: Shown) => number | null | undefined> = {
  rank: ({ node }) => node.rank,
  confidence: ({ node }) => node.confidence,
  errors: ({ levels }) => levels?.error_ratio,
  latency: ({ levels }) => levels?.latency_ms,
  requests: ({ levels }) => levels?.requests_per_s,
};

const WORDS: Record<string, (node: Shown['node']) => string> = {
  ns: ({ service }) => namespaceOf(service),
  role: ({ role }) => role,
  kind: ({ kind }) => kind ?? 'service',
  name: ({ service }) => service,
};

const COMPARISONS: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
};

/** If several namespaces are watched, a service is named `namespace/name`. */
export function namespaceOf(service: string): string {
  const slash = service.indexOf('/');
  return slash < 0 ? '' : service.slice(0, slash);
}

/** A value as people write it: `5%`, `200ms`, `1.5s`, `20`. Latencies are in milliseconds, shares from 0 to 1. */
function valueOf(text: string, field: string): number | undefined {
  const parts = /^(\d+(?:\.\d+)?)(%|ms|s|\/s)?$/.exec(text);
  if (!parts) return undefined;
  const value = Number(parts[1]);
  if (parts[2] === '%') return value / 100;
  return parts[2] === 's' && field === 'latency' ? 1000 * value : value;
}

function condition(term: string): Test | undefined {
  const number = /^([a-z]+)(<=|>=|<|>|=)(.+)$/.exec(term);
  if (number) {
    const [, field = '', sign = '', text = ''] = number;
    const [read, holds, wanted] = [NUMBERS[field], COMPARISONS[sign], valueOf(text, field)];
    if (!read || !holds || wanted === undefined) return undefined;
    return (shown) => {
      const value = read(shown);
      return typeof value === 'number' ? holds(value, wanted) : undefined;
    };
  }
  const word = /^([a-z]+):(.+)$/.exec(term);
  if (!word) return (shown) => shown.node.service.toLowerCase().includes(term);
  const [, field = '', wanted = ''] = word;
  const read = WORDS[field];
  return read && ((shown) => read(shown.node).toLowerCase().includes(wanted));
}

/** Parses a search text. Unknown terms are reported and ignored. */
export function parseQuery(text: string): Query {
  // Spaces around an operator are allowed: `errors > 5 %`.
  const joined = text.toLowerCase().replace(/\s*(<=|>=|<|>|=)\s*/g, '$1').replace(/(\d)\s+(%|ms|s|\/s)(?=\s|$)/g, '$1$2');
  const unknown: string[] = [];
  const tests = joined.split(/\s+/).flatMap((term): Test[] => {
    if (term === '' || term === '-') return [];
    const isNot = term.startsWith('-');
    const test = condition(isNot ? term.slice(1) : term);
    if (!test) {
      unknown.push(term);
      return [];
    }
    return [isNot ? (shown) => test(shown) === false : test];
  });
  return { matches: (shown) => tests.every((test) => test(shown) === true), unknown };
}
