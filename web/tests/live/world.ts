// One world for all tests of a live server: the Prometheus, and two servers on it, one that anybody may use and one with users.
import { test as base } from '@playwright/test';
import { Folder, freePort, hashOf, serve, startPrometheus, type Process } from './processes';

export type Served = { url: string; process: Process };
type World = { open: Served; guarded: Served };

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1';

function targets(url: string, names: string[]): string {
  const slos = (name: string) => (name === 'shop' ? ', slos: [{ name: checkout, service: front-end, latency: { under_ms: 250, target: 99 } }]' : '');
  const target = (name: string) => `  - { name: ${name}, namespace: ${name}, every: 2s, prometheus: { url: '${name === 'gone' ? NOWHERE : url}' }${slos(name)} }`;
  return `targets:\n${names.map(target).join('\n')}\n`;
}

const WATCHING = 'watching: { confirm: 5s, confirm_critical: 5s, recover: 1h, merge: 1s, learn: 10m }\n';
// The tests load more pages in a minute than people do.
const LIMITS = 'limits: { rate_per_s: 10000, rate_burst: 100000, connections_per_client: 256, event_streams_per_client: 32 }';

async function served(folder: Folder, name: string, prometheus: string, names: string[], auth: string): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const store = `store: { file: '${folder.path}/${name}.db' }\n`;
  const api = `api:\n  listen: '127.0.0.1:${port}'\n  ${LIMITS}\n${auth}`;
  const config = folder.file(`${name}.yaml`, targets(prometheus, names) + WATCHING + store + api);
  const process = serve(config, url);
  await process.start();
  return { url, process };
}

export const PASSWORD = 'correct horse 电池';

function users(folder: Folder): string {
  const hash = folder.file('hash', `${hashOf(PASSWORD)}\n`);
  const token = folder.file('token', 'the-token-of-alertmanager-0123456789\n');
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
        const open = await served(folder, 'open', prometheus.url, ['shop', 'calm', 'young', 'stale', 'gone'], '');
        running.push(open.process);
        const guarded = await served(folder, 'guarded', prometheus.url, ['shop'], users(folder));
        running.push(guarded.process);
        await use({ open, guarded });
      } finally {
        await Promise.all(running.map((process) => process.kill()));
        folder.remove();
      }
    },
    { scope: 'worker', timeout: 180_000 },
  ],
});

/** What Alertmanager sends of an alert that fires now. */
export function alertOf(namespace: string, service: string, name: string): object {
  const labels = { alertname: name, namespace, service, severity: 'critical' };
  const alert = { status: 'firing', labels, annotations: {}, startsAt: new Date().toISOString(), fingerprint: `${name}-${service}` };
  return { version: '4', groupKey: `${name}-${service}`, status: 'firing', receiver: 'automap', commonLabels: labels, alerts: [alert] };
}
