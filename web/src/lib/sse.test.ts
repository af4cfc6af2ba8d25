import { expect, test } from 'vitest';
import { EventReader, pauseMs } from './sse';

test('events arrive in pieces of any size', () => {
  const stream = ': hello\n\nid: 07-1\nevent: incident\ndata: {"a":1}\n\nid: 07-2\nevent: reset\ndata: {}\n\n: keep-alive\n\n';
  const whole = new EventReader().read(stream);
  expect(whole).toEqual([
    { id: '07-1', event: 'incident', data: '{"a":1}' },
    { id: '07-2', event: 'reset', data: '{}' },
  ]);
  const reader = new EventReader();
  expect([...stream].flatMap((character) => reader.read(character))).toEqual(whole);
});

test('an event without an end is bounded', () => {
  const reader = new EventReader();
  expect(() => reader.read('x'.repeat(2 << 20))).toThrow();
});

test('pauses grow to half a minute', () => {
  expect([0, 1, 2, 5, 50].map((n) => pauseMs(n, 0))).toEqual([1000, 2000, 4000, 30_000, 30_000]);
  expect(pauseMs(0, 1)).toBe(1250);
});
