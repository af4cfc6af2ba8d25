import { expect, test } from 'vitest';
import { command, FAULTS, isInjectable, manifest, nameOf, placeOf, podsCommand, type Wanted } from './drill';

const wanted: Wanted = { fault: 'delay', service: 'payment', namespace: 'sock-shop', label: 'app', prometheus: 'http://localhost:9090' };

test('a manifest says what, where and for how long', () => {
  expect(manifest(wanted)).toBe(`apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata:
  name: delay-payment
  namespace: sock-shop
spec:
  mode: all
  selector:
    namespaces: [sock-shop]
    labelSelectors:
      app: payment
  action: delay
  delay:
    latency: "250ms"
    jitter: "20ms"
  duration: "3m"
`);
  const all = FAULTS.map((fault) => manifest({ ...wanted, fault }));
  expect(all.filter((text) => text.includes('duration: "3m"'))).toHaveLength(FAULTS.length - 1);
  expect(manifest({ ...wanted, fault: 'pod-kill' })).not.toContain('duration');
});

test('the command takes the same file, and the pods can be looked at first', () => {
  expect(command(wanted)).toBe('automap drill delay-payment.yaml --prometheus http://localhost:9090 --namespace sock-shop');
  expect(podsCommand(wanted)).toBe('kubectl get pods --namespace sock-shop --selector app=payment');
});

test('whatever a service is called breaks out of neither YAML nor a shell', () => {
  const hostile = { ...wanted, service: `x"\n  evil: 1 # '; rm -rf ~`, namespace: `a'b $(id)` };
  expect(manifest(hostile).split('\n')).toHaveLength(manifest(wanted).split('\n').length);
  expect(manifest(hostile)).toContain(String.raw`app: "x\"\n  evil: 1 # '; rm -rf ~"`);
  expect(command(hostile)).toContain(String.raw`--namespace 'a'\''b $(id)'`);
  expect(podsCommand(hostile)).toContain(String.raw`--selector 'app=x"`);
  expect(nameOf(hostile)).toBe('delay-x-evil-1-rm-rf');
  for (const word of ['yes', 'null', '1', '~', 'a: b', '']) expect(manifest({ ...wanted, service: word }).match(/app: (.*)/)?.[1]).toBe(JSON.stringify(word));
});

test('a service of several namespaces carries its own, and of a pattern nothing is assumed', () => {
  expect(placeOf('payment', 'sock-shop')).toEqual({ namespace: 'sock-shop', service: 'payment' });
  expect(placeOf('bank/payment', 'bank,shop')).toEqual({ namespace: 'bank', service: 'payment' });
  expect(placeOf('eu/bank/payment', '*')).toEqual({ namespace: 'bank', service: 'payment' });
  expect(placeOf('payment', 'team-*')).toEqual({ namespace: '', service: 'payment' });
  expect(['payment', 'node/worker-1', 'eu/node/worker-1', 'external/api.example.com', 'bank/payment'].filter(isInjectable)).toEqual(['payment', 'bank/payment']);
});
