// What a mesh told a Prometheus about a small shop: an hour of history and an hour that is still to come, in the OpenMetrics format.
//
// In namespace `shop` payment answers 360 ms later from four minutes ago on, and so does everybody who waits for it. `calm` is the same shop
// without a fault, `young` has five minutes of history, and the data of `stale` ends twenty minutes ago.

const SCRAPE_S = 15;
const HOUR_S = 3600;
const FAULT_S = -240;
const BOUNDS = [25, 50, 100, 250, 500, 1000, Infinity];
const NORMAL_MS = 40;
const SLOW_MS = 400;

type Call = { from: string; to: string; rps: number; waits: boolean };

const CALLS: Call[] = [
  { from: 'unknown', to: 'front-end', rps: 20, waits: true },
  { from: 'front-end', to: 'orders', rps: 8, waits: true },
  { from: 'front-end', to: 'catalogue', rps: 12, waits: false },
  { from: 'orders', to: 'payment', rps: 8, waits: true },
  { from: 'orders', to: 'shipping', rps: 8, waits: false },
];

type World = { namespace: string; begins: number; ends: number; isFaulty: boolean };

const WORLDS: World[] = [
  { namespace: 'shop', begins: -HOUR_S, ends: HOUR_S, isFaulty: true },
  { namespace: 'calm', begins: -HOUR_S, ends: HOUR_S, isFaulty: false },
  { namespace: 'young', begins: -300, ends: HOUR_S, isFaulty: false },
  { namespace: 'stale', begins: -HOUR_S, ends: -1200, isFaulty: false },
];

/** All series, with times around `now_s`. */
export function openMetrics(now_s: number): string {
  const now = now_s - (now_s % SCRAPE_S);
  const lines = WORLDS.flatMap((world) => CALLS.flatMap((call) => ['source', 'destination'].flatMap((reporter) => series(world, call, reporter, now))));
  return `${lines.join('\n')}\n# EOF\n`;
}

/** The counters of one call as one end reports them. */
function series(world: World, call: Call, reporter: string, now: number): string[] {
  if (call.from === 'unknown' && reporter === 'source') return [];
  const { namespace } = world;
  const labels =
    `reporter="${reporter}",source_workload="${call.from}",source_workload_namespace="${namespace}",` +
    `destination_workload="${call.to}",destination_workload_namespace="${namespace}",destination_service_name="${call.to}"`;
  const times: number[] = [];
  for (let at = world.begins; at <= world.ends; at += SCRAPE_S) times.push(at);
  // A little unevenness keeps the normal range from being a point.
  const all = (at: number) => call.rps * (at + HOUR_S + 0.5 * (((at / SCRAPE_S + 240) * 7919) % 7));
  const slow = (at: number) => (world.isFaulty && call.waits ? call.rps * Math.max(0, at - FAULT_S) : 0);
  const line = (name: string, value: (at: number) => number) => times.map((at) => `${name} ${value(at)} ${now + at}`);
  const metric = 'istio_request_duration_milliseconds';
  const within = (bound: number) => (at: number) => (bound >= NORMAL_MS ? all(at) - slow(at) : 0) + (bound >= SLOW_MS ? slow(at) : 0);
  return [
    ...line(`istio_requests_total{${labels},response_code="200"}`, all),
    ...BOUNDS.flatMap((bound) => line(`${metric}_bucket{${labels},le="${bound === Infinity ? '+Inf' : bound}"}`, within(bound))),
    ...line(`${metric}_sum{${labels}}`, (at) => NORMAL_MS * (all(at) - slow(at)) + SLOW_MS * slow(at)),
    ...line(`${metric}_count{${labels}}`, all),
  ];
}
