// A Prometheus with recorded metrics, and an `automap serve` that watches it, both of this test run alone and both ended by it.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMetrics } from './metrics';

const PROGRAM = process.env.AUTOMAP ?? '../target/debug/automap';
const PATIENCE_MS = 60_000;
const STEP_MS = 50;

/** A folder of its own, which `remove` takes away again. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'automap-web-'));

  file(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class Process {
  private child: ChildProcess | undefined;
  private said = '';

  constructor(
    private readonly program: string,
    private readonly args: string[],
    private readonly ready: string,
  ) {}

  /** Starts it, and waits until it answers. */
  async start(): Promise<void> {
    const child = spawn(this.program, this.args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    this.said = '';
    child.stderr?.on('data', (piece: Buffer) => (this.said = (this.said + piece.toString()).slice(-4000)));
    let failed: Error | undefined;
    child.on('error', (error) => (failed = error));
    for (const until = Date.now() + PATIENCE_MS; Date.now() < until; ) {
      if (failed || child.exitCode !== null) throw new Error(`${this.program} ended: ${failed?.message ?? this.said}`);
      if ((await fetch(this.ready).catch(() => undefined))?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    throw new Error(`${this.program} does not answer at ${this.ready}: ${this.said}`);
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.child;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}

/** A Prometheus that holds the shop of `metrics.ts`. */
export async function startPrometheus(folder: Folder): Promise<{ process: Process; url: string }> {
  const text = folder.file('series.txt', openMetrics(Math.floor(Date.now() / 1000)));
  const data = join(folder.path, 'data');
  const filled = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', text, data], { encoding: 'utf8' });
  if (filled.error) throw new Error('prometheus is not installed: scripts/need-prometheus.sh gets it');
  if (filled.status !== 0) throw new Error(`promtool: ${filled.stderr}`);
  const config = folder.file('prometheus.yml', 'global: {scrape_interval: 15s}\n');
  const url = `http://127.0.0.1:${await freePort()}`;
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${data}`, `--web.listen-address=${url.slice(7)}`, '--storage.tsdb.retention.time=20y'];
  const server = new Process('prometheus', args, `${url}/-/ready`);
  await server.start();
  return { process: server, url };
}

/** What `automap config hash-password` makes of a password. */
export function hashOf(password: string): string {
  const made = spawnSync(PROGRAM, ['config', 'hash-password'], { input: password, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`config hash-password: ${made.stderr}`);
  return made.stdout.trim();
}

/** An `automap serve` with this configuration; it listens where the configuration says. */
export function serve(config: string, url: string): Process {
  return new Process(PROGRAM, ['serve', '--config', config], `${url}/healthz`);
}
