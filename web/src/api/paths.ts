// The addresses of the API that the page uses, each value percent-encoded.
import { instant, type Period } from '../lib/period';

const part = encodeURIComponent;

function query(values: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text ? `?${text}` : '';
}

export const paths = {
  session: '/api/v1/session',
  oidcLogin: (to: string) => `/api/v1/session/oidc/login${query({ to })}`,
  targets: '/api/v1/targets',
  target: (target: string) => `/api/v1/targets/${part(target)}`,
  events: '/api/v1/events',
  incidents: (values: Record<string, string | number | undefined> = {}) => `/api/v1/incidents${query(values)}`,
  incident: (id: string) => `/api/v1/incidents/${part(id)}`,
  dossier: (id: string) => `/api/v1/incidents/${part(id)}/dossier`,
  incidentMap: (id: string, scope: string) => `/api/v1/incidents/${part(id)}/map${query({ scope })}`,
  experiments: (id: string) => `/api/v1/incidents/${part(id)}/experiments`,
  confirm: (id: string) => `/api/v1/incidents/${part(id)}/confirm`,
  html: (id: string) => `/api/v1/incidents/${part(id)}/page.html${query({ utc_offset_min: -new Date().getTimezoneOffset() })}`,
  notes: (id: string) => `/api/v1/incidents/${part(id)}/notes`,
  capture: (id: string) => `/api/v1/incidents/${part(id)}/capture.parquet`,
  drills: '/api/v1/drills',
  mutes: '/api/v1/mutes',
  markdown: (id: string) => `/api/v1/incidents/${part(id)}/page.md${query({ utc_offset_min: -new Date().getTimezoneOffset() })}`,
  report: (target: string) => `/api/v1/targets/${part(target)}/report`,
  services: (target: string) => `/api/v1/targets/${part(target)}/services`,
  service: (target: string, service: string) => `/api/v1/targets/${part(target)}/services/${part(service)}`,
  slos: (target: string) => `/api/v1/targets/${part(target)}/slos`,
  compare: (target: string, before: Period, after: Period) =>
    `/api/v1/targets/${part(target)}/compare${query({ before_start: instant(before.from), before_end: instant(before.to), after_start: instant(after.from), after_end: instant(after.to) })}`,
  coverage: (target: string) => `/api/v1/targets/${part(target)}/coverage`,
  allExperiments: (period: Period) => `/api/v1/experiments${query({ since: instant(period.from), until: instant(period.to) })}`,
  diagnoses: '/api/v1/diagnoses?wait=true',
  map: (target: string, scope: string, around?: string) => `/api/v1/targets/${part(target)}/map${query({ scope: around ? undefined : scope, around })}`,
};
