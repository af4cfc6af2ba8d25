import { afterEach, expect, test, vi } from 'vitest';
import { getJson, send } from './client';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Answers in turn, repeating the last answer, and counts the requests. */
function answering(first: () => Response, ...later: (() => Response)[]) {
  const answers = [first, ...later];
  let next = first;
  const asked = vi.fn(async () => {
    next = answers.shift() ?? next;
    return next();
  });
  vi.stubGlobal('fetch', asked);
  return asked;
}

const problem = JSON.stringify({ detail: 'this client sends too many requests', next: 'wait' });
const tooMany = (after: string) => () => new Response(problem, { status: 429, headers: { 'retry-after': after } });
const fine = () => new Response('{"services":3}');

test('who asks too often waits as long as the server says, and asks again', async () => {
  const asked = answering(tooMany('0'), tooMany('0'), fine);
  expect(await getJson('/api/v1/services')).toEqual({ services: 3 });
  expect(asked).toHaveBeenCalledTimes(3);
});

test('nobody waits long, or for ever, and a change is never sent twice', async () => {
  for (const [answer, times] of [[tooMany('60'), 1], [tooMany('0'), 4], [() => new Response(problem, { status: 429 }), 1]] as const) {
    const asked = answering(answer);
    await expect(getJson('/api/v1/services')).rejects.toMatchObject({ kind: 'busy' });
    expect(asked).toHaveBeenCalledTimes(times);
  }
  const asked = answering(tooMany('0'));
  await expect(send('POST', '/api/v1/mutes', {})).rejects.toMatchObject({ kind: 'busy' });
  expect(asked).toHaveBeenCalledTimes(1);
});
