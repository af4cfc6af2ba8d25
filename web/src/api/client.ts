// Asks the API. An error says what is wrong, where, and what to try next, as the server words it.
import type { Problem } from './types';

/** Longest wait for an answer; the server itself gives up after 60 s. */
const PATIENCE_MS = 65_000;

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

async function request(path: string, options: RequestInit): Promise<Response> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, patience]) : patience;
  let response: Response;
  try {
    response = await fetch(path, { ...options, signal, credentials: 'same-origin' });
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
