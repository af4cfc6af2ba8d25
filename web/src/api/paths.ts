// The addresses of the API that the page asks, each value percent-encoded.
const part = encodeURIComponent;

function query(values: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text ? `?${text}` : '';
}

export const paths = {
  session: '/api/v1/session',
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
  markdown: (id: string) => `/api/v1/incidents/${part(id)}/page.md${query({ utc_offset_min: -new Date().getTimezoneOffset() })}`,
  report: (target: string) => `/api/v1/targets/${part(target)}/report`,
  services: (target: string) => `/api/v1/targets/${part(target)}/services`,
  service: (target: string, service: string) => `/api/v1/targets/${part(target)}/services/${part(service)}`,
  slos: (target: string) => `/api/v1/targets/${part(target)}/slos`,
  map: (target: string, scope: string, around?: string) => `/api/v1/targets/${part(target)}/map${query({ scope: around ? undefined : scope, around })}`,
};
