// Maps addresses to pages and back. Everything that a page shows is in its address, so that a link shows a colleague the same thing.

export type Route =
  | { page: 'now' }
  | { page: 'incident'; id: string }
  | { page: 'services' }
  | { page: 'service'; target: string; service: string }
  | { page: 'map' | 'compare' | 'diagnose' | 'objectives' | 'data' | 'chaos' }
  | { page: 'missing' };

/** Pages whose address is their name. */
const SINGLE = ['map', 'compare', 'diagnose', 'objectives', 'data', 'chaos'] as const;

export type Query = Record<string, string | undefined>;

export function parseRoute(pathname: string): Route {
  const parts = decode(pathname.split('/').filter((part) => part !== ''));
  if (!parts) return { page: 'missing' };
  const [first, second, third, ...rest] = parts;
  if (first === undefined) return { page: 'now' };
  if (first === 'incidents' && second !== undefined && third === undefined) return { page: 'incident', id: second };
  if (first === 'services' && second === undefined) return { page: 'services' };
  if (first === 'services' && second !== undefined && third !== undefined && rest.length === 0) {
    return { page: 'service', target: second, service: third };
  }
  if (SINGLE.some((page) => page === first) && second === undefined) return { page: first as (typeof SINGLE)[number] };
  return { page: 'missing' };
}

function decode(parts: string[]): string[] | undefined {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    // A lone percent sign.
    return undefined;
  }
}

function address(path: string[], query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== '') search.set(name, value);
  const text = search.toString();
  return `/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

export const href = {
  now: (query?: Query) => address([], query),
  incident: (id: string, query?: Query) => address(['incidents', id], query),
  services: (query?: Query) => address(['services'], query),
  service: (target: string, service: string, query?: Query) => address(['services', target, service], query),
  map: (query?: Query) => address(['map'], query),
  compare: (query?: Query) => address(['compare'], query),
  diagnose: (query?: Query) => address(['diagnose'], query),
  objectives: (query?: Query) => address(['objectives'], query),
  data: (query?: Query) => address(['data'], query),
  chaos: (query?: Query) => address(['chaos'], query),
};
