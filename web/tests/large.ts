// A map of many services as the API answers it: layers of services, each of which calls some of the next layer.
import type { components } from '../src/api/schema';

type Schemas = components['schemas'];

const WIDTH = 150;
const HEIGHT = 44;
const GAP = { x: 70, y: 16 };

/** Placed in columns of `perLayer`; every `n`-th service of the first layers is a victim, and one is the cause. */
export function largeMap(services: number, perLayer = 50): Schemas['DrawnMap'] {
  const name = (i: number) => `${['shop', 'bank', 'media', 'core'][i % 4]}/service-${String(i).padStart(4, '0')}`;
  const role = (i: number): Schemas['NodeRole'] => (i === 60 ? 'cause' : i % 97 === 0 ? 'victim' : 'normal');
  const x = (i: number) => Math.floor(i / perLayer) * (WIDTH + GAP.x) + WIDTH / 2;
  const y = (i: number) => (i % perLayer) * (HEIGHT + GAP.y) + HEIGHT / 2;
  const pairs: [number, number][] = [];
  for (let i = 0; i + perLayer < services; i += 1) {
    pairs.push([i, i + perLayer]);
    const other = i + perLayer + ((i * 7919) % perLayer) - (i % perLayer);
    if (other !== i + perLayer && other < services) pairs.push([i, other]);
  }
  const all = Array.from({ length: services }, (_, i) => i);
  return {
    folded: 0,
    map: {
      ...{ schema_version: 1, kind: 'anomaly', title: 'who calls whom', source: 'a test', verdict: 'cause', notes: [] },
      nodes: all.map((i) => ({ service: name(i), role: role(i), is_entry: i < perLayer, kind: 'service', rank: i === 60 ? 1 : null, summary: null })),
      edges: pairs.map(([a, b]) => ({ from: name(a), to: name(b), observed: true, asserted: false, change: 'same', on_path: false, metrics: [] })),
    } as unknown as Schemas['ServiceMap'],
    placed: {
      width: x(services - 1) + WIDTH / 2,
      height: perLayer * (HEIGHT + GAP.y),
      left_out: 0,
      nodes: all.map((i) => ({ service: name(i), x: x(i), y: y(i), width: WIDTH, height: HEIGHT, labels: [{ kind: 'name', text: name(i), font_px: 13 }] })),
      edges: pairs.map(([a, b]) => {
        const [x1, y1, x2, y2] = [x(a) + WIDTH / 2, y(a), x(b) - WIDTH / 2, y(b)];
        const middle = (x1 + x2) / 2;
        return { from: name(a), to: name(b), points: [[x1, y1], [middle, y1], [middle, y2], [x2, y2]] };
      }),
    } as unknown as Schemas['PlacedMap'],
  };
}
