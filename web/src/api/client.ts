// Sends requests to the API. An error says what is wrong, where, and what to try next, in the server's words.
import type { Problem } from './types';

/** Longest wait for an answer; the server itself gives up after 60 s. */
const PATIENCE_MS = 65_000;

/** How often a rate-limited request is repeated, and the longest pause before each. */
const MAX_REPEATS = 3;
const MAX_PAUSE_S = 5;

export type ErrorKind = 'offline' | 'unauthorized' | 'forbidden' | 'missing' | 'busy' | 'refused' | 'broken';

export class ApiError extends Error {
  constructor(
    readonly kind: ErrorKind,
    message: string,
    readonly next: string = '',
  ) {
    super(message);
  }
}

export function kindOf(status: number): ErrorKind {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'missing';
  if (status === 429 || status === 503) return 'busy';
  return status >= 500 ? 'broken' : 'refused';
}

async function problemOf(response: Response): Promise<ApiError> {
  const kind = kindOf(response.status);
  try {
    const problem = (await response.json()) as Problem;
    const place = problem.place ? `${problem.place}: ` : '';
    return new ApiError(kind, `${place}${problem.detail}`, problem.next);
  } catch {
    return new ApiError(kind, `HTTP ${response.status}`);
  }
}

/** Seconds after which the server will answer, if it states them and they are few. */
function pauseOf(response: Response): number | undefined {
  const after = response.status === 429 ? Number(response.headers.get('retry-after') ?? Number.NaN) : Number.NaN;
  return after >= 0 && after <= MAX_PAUSE_S ? after : undefined;
}

/** Sends a request, and repeats it if the server says that this browser sends too many. */
async function patiently(path: string, options: RequestInit, signal: AbortSignal): Promise<Response> {
  const isRead = (options.method ?? 'GET') === 'GET';
  for (let repeats = 0; ; repeats += 1) {
    const response = await fetch(path, { ...options, signal, credentials: 'same-origin' });
    const pause = isRead && repeats < MAX_REPEATS ? pauseOf(response) : undefined;
    if (pause === undefined) return response;
    await response.body?.cancel();
    await new Promise((resolve) => setTimeout(resolve, pause * 1000));
    signal.throwIfAborted();
  }
}

async function request(path: string, options: RequestInit): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let response: Response;
  try {
    response = await patiently(path, options, signal);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiError('offline', patience.aborted ? 'no answer within 65 s' : String(error instanceof Error ? error.message : error));
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await request(path, { signal })).json() as Promise<T>;
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  return (await request(path, { signal })).text();
}

export async function send<T>(method: 'POST' | 'DELETE', path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const all = body === undefined ? headers : { ...headers, 'content-type': 'application/json' };
  return (await request(path, { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body) })).json() as Promise<T>;
}
