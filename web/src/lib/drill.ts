// A fault for a cluster as text: the Chaos Mesh manifest, and the command that injects it, diagnoses its cause and removes it. The page itself
// injects nothing there. Names are quoted, since a service may have any name.
import { quoted } from './shell';

export const FAULTS = ['delay', 'loss', 'cpu', 'memory', 'pod-kill', 'pod-failure'] as const;
export type Fault = (typeof FAULTS)[number];

export type Wanted = { fault: Fault; service: string; namespace: string; label: string; prometheus: string };

type Value = string | number | string[] | { [key: string]: Value };

/** As long as `automap drill` keeps a fault on a cluster. */
const LASTS = '3m';

function kindOf(fault: Fault): string {
  if (fault === 'delay' || fault === 'loss') return 'NetworkChaos';
  return fault === 'cpu' || fault === 'memory' ? 'StressChaos' : 'PodChaos';
}

function spec(fault: Fault): Record<string, Value> {
  switch (fault) {
    case 'delay':
      return { action: 'delay', delay: { latency: '250ms', jitter: '20ms' }, duration: LASTS };
    case 'loss':
      return { action: 'loss', loss: { loss: '30' }, duration: LASTS };
    case 'cpu':
      return { stressors: { cpu: { workers: 2, load: 90 } }, duration: LASTS };
    case 'memory':
      return { stressors: { memory: { workers: 1, size: '256MiB' } }, duration: LASTS };
    case 'pod-kill':
      return { action: 'pod-kill' };
    case 'pod-failure':
      return { action: 'pod-failure', duration: LASTS };
  }
}

/** Words that YAML does not read as text. */
const NO_WORDS = /^(y|n|yes|no|on|off|true|false|null|nan|inf)$/i;

/** A word stays unquoted if YAML reads it as text; JSON strings are valid YAML. */
function scalar(value: string | number): string {
  if (typeof value === 'number') return String(value);
  return /^[A-Za-z][A-Za-z0-9./-]*$/.test(value) && !NO_WORDS.test(value) ? value : JSON.stringify(value);
}

function yaml(value: Record<string, Value>, indent = ''): string {
  const line = ([key, inner]: [string, Value]): string => {
    const name = `${indent}${scalar(key)}:`;
    if (Array.isArray(inner)) return `${name} [${inner.map(scalar).join(', ')}]\n`;
    return typeof inner === 'object' ? `${name}\n${yaml(inner, `${indent}  `)}` : `${name} ${scalar(inner)}\n`;
  };
  return Object.entries(value).map(line).join('');
}

/** A valid Kubernetes name: `delay-payment`. */
export function nameOf({ fault, service }: Wanted): string {
  return `${fault}-${service.toLowerCase().replace(/[^a-z0-9]+/g, '-')}`.slice(0, 60).replace(/-+$/, '');
}

export function manifest(wanted: Wanted): string {
  const { fault, service, namespace, label } = wanted;
  return yaml({
    apiVersion: 'chaos-mesh.org/v1alpha1',
    kind: kindOf(fault),
    metadata: { name: nameOf(wanted), namespace },
    spec: { mode: 'all', selector: { namespaces: [namespace], labelSelectors: { [label]: service } }, ...spec(fault) },
  });
}

export function command(wanted: Wanted): string {
  return `automap drill ${nameOf(wanted)}.yaml --prometheus ${quoted(wanted.prometheus)} --namespace ${quoted(wanted.namespace)}`;
}

/** Lists the pods that it hits, to check them first. */
export function podsCommand({ service, namespace, label }: Wanted): string {
  return `kubectl get pods --namespace ${quoted(namespace)} --selector ${quoted(`${label}=${service}`)}`;
}

/** Namespace and name of a service; if several namespaces are watched, its name contains the namespace. */
export function placeOf(service: string, namespace: string): { namespace: string; service: string } {
  const cut = service.lastIndexOf('/');
  if (cut < 0) return { namespace: /[*,]/.test(namespace) ? '' : namespace, service };
  return { namespace: service.slice(0, cut).split('/').at(-1) ?? '', service: service.slice(cut + 1) };
}

/** Whether it runs in pods of a namespace: these faults cannot hit a node or an external host. */
export function isInjectable(service: string): boolean {
  return !/^(.*\/)?(node|external)\//.test(service);
}
