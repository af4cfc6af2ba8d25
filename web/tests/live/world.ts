// One world for all tests of a live server: the Prometheus, and two servers on it, one that anybody may use and one with users.
import { test as base } from '@playwright/test';
import { Folder, freePort, hashOf, serve, startPrometheus, type Process } from './processes';

export type Served = { url: string; process: Process };
/** `portal`: the port on which a page may show the cards of `open` in a frame. */
type World = { open: Served; guarded: Served; portal: number };

const PATIENCE_MS = 120_000;
const STEP_MS = 500;

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1';

function targets(url: string, names: string[]): string {
  const slos = (name: string) => (name === 'shop' ? ', slos: [{ name: checkout, service: front-end, latency: { under_ms: 250, target: 99 } }]' : '');
  const target = (name: string) => `  - { name: ${name}, namespace: ${name}, every: 2s, prometheus: { url: '${name === 'gone' ? NOWHERE : url}' }${slos(name)} }`;
  return `targets:\n${names.map(target).join('\n')}\n`;
}

const WATCHING = 'watching: { confirm: 5s, confirm_critical: 5s, recover: 1h, merge: 1s, learn: 20m }\n';
// The tests load more pages in a minute than people do.
const LIMITS = 'limits: { rate_per_s: 10000, rate_burst: 100000, connections_per_client: 256, event_streams_per_client: 32 }';

async function served(folder: Folder, name: string, prometheus: string, names: string[], more: (url: string) => string): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const store = `store: { file: '${folder.path}/${name}.db' }\n`;
  const api = `api:\n  listen: '127.0.0.1:${port}'\n  ${LIMITS}\n${more(url)}`;
  const config = folder.file(`${name}.yaml`, targets(prometheus, names) + WATCHING + store + api);
  const process = serve(config, url);
  await process.start();
  return { url, process };
}

export const PASSWORD = 'correct horse 电池';
/** A token that may only send alerts. */
export const TOKEN = 'the-token-of-alertmanager-0123456789';

function users(folder: Folder): string {
  const hash = folder.file('hash', `${hashOf(PASSWORD)}\n`);
  const token = folder.file('token', `${TOKEN}\n`);
  const user = (name: string, role: string) => `      - { name: ${name}, role: ${role}, from: { file: '${hash}' } }`;
  return `  auth:\n    users:\n${user('ann', 'operator')}\n${user('vera', 'viewer')}\n    tokens:\n      - { name: am, role: alerts, from: { file: '${token}' } }\n`;
}

export const test = base.extend<object, { world: World }>({
  world: [
    async ({}, use) => {
      const folder = new Folder();
      const running: Process[] = [];
      try {
        const prometheus = await startPrometheus(folder);
        running.push(prometheus.process);
        const portal = await freePort();
        const embed = (url: string) => `  embed: { frame_ancestors: ['http://127.0.0.1:${portal}'], page: '${url}' }\n`;
        const open = await served(folder, 'open', prometheus.url, ['shop', 'calm', 'young', 'stale', 'gone'], embed);
        running.push(open.process);
        const guarded = await served(folder, 'guarded', prometheus.url, ['shop'], () => users(folder));
        running.push(guarded.process);
        await use({ open, guarded, portal });
      } finally {
        await Promise.all(running.map((process) => process.kill()));
        folder.remove();
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
});

export function basicOf(name: string): string {
  return `Basic ${Buffer.from(`${name}:${PASSWORD}`).toString('base64')}`;
}

type Listed = { id: string; target: string; severity: string; cause: { service: string } | null };

/** The latest open incident of a target, waited for: a watcher looks every two seconds, and waits until it is sure. */
export async function openIncident(url: string, target: string, authorization?: string): Promise<Listed> {
  const headers: Record<string, string> = authorization ? { authorization } : {};
  for (const until = Date.now() + PATIENCE_MS; Date.now() < until; ) {
    const answer = await fetch(`${url}/api/v1/incidents?state=open,recovering`, { headers });
    const { incidents } = (await answer.json()) as { incidents: Listed[] };
    const found = incidents.find((incident) => incident.target === target);
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
  throw new Error(`${url} has opened no incident of ${target} within ${PATIENCE_MS / 1000} s`);
}

/** What Alertmanager sends of an alert that fires now. */
export function alertOf(namespace: string, service: string, name: string): object {
  const labels = { alertname: name, namespace, service, severity: 'critical' };
  const alert = { status: 'firing', labels, annotations: {}, startsAt: new Date().toISOString(), fingerprint: `${name}-${service}` };
  return { version: '4', groupKey: `${name}-${service}`, status: 'firing', receiver: 'automap', commonLabels: labels, alerts: [alert] };
}
