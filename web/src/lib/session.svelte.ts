// Who is logged in. The session itself is a cookie that scripts cannot read; this only holds what the server says about it.
import { getJson, send } from '../api/client';
import { paths } from '../api/paths';
import type { Session } from '../api/types';

class SessionState {
  who = $state.raw<Session>();
  /** The server requested credentials, so the page shows a form for them. */
  isNeeded = $state(false);

  readonly isOperator = $derived(this.who?.role === 'operator');

  async load(): Promise<void> {
    try {
      this.who = await getJson<Session>(paths.session);
      this.isNeeded = this.who.is_required && this.who.name === null;
    } catch {
      // The page's other requests report the error.
    }
  }

  /** Sends the credentials once; only a cookie is kept. */
  async logIn(authorization: string): Promise<void> {
    this.who = await send<Session>('POST', paths.session, undefined, { authorization });
    this.isNeeded = false;
  }

  async logOut(): Promise<void> {
    this.who = await send<Session>('DELETE', paths.session);
    this.isNeeded = true;
    if (this.who.log_out_at) location.assign(this.who.log_out_at);
  }
}

export const session = new SessionState();

/** `Basic …` of a name and password in UTF-8. */
export function basic(name: string, password: string): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))}`;
}
