// Live changes. After a lost connection the server sends the missed changes, or says that everything must be read again; `version` counts both, and
// whatever depends on it is fetched again.
import { paths } from '../api/paths';
import { EventReader, pauseMs } from './sse';
import { session } from './session.svelte';

/** After this much silence the connection is dead: the server sends a comment every 15 s. */
const SILENCE_MS = 45_000;
/** If the first connection takes longer, a change of the data already shown may have been missed. */
const LATE_MS = 1_000;

class Live {
  version = $state(0);
  state = $state<'connecting' | 'live' | 'lost'>('connecting');
  private lastId = '';
  private since = 0;

  /** Listens until the returned function is called. */
  listen(): () => void {
    const abort = new AbortController();
    this.since = Date.now();
    void this.run(abort.signal);
    return () => abort.abort();
  }

  private async run(signal: AbortSignal): Promise<void> {
    for (let tries = 0; !signal.aborted; tries += 1) {
      const begun = Date.now();
      try {
        await this.follow(signal);
      } catch {
        // Whatever the error is, the next try shows whether it persists.
      }
      if (signal.aborted) return;
      this.state = 'lost';
      if (Date.now() - begun > 5_000) tries = 0;
      await new Promise((resolve) => setTimeout(resolve, pauseMs(tries, Math.random())));
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENCE_MS);
    const headers: Record<string, string> = this.lastId ? { 'last-event-id': this.lastId } : {};
    const options = { headers, signal: AbortSignal.any([signal, silence.signal]) };
    const response = await fetch(paths.events, options);
    if (response.status === 401) session.isNeeded = true;
    if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
    // A first listener does not receive earlier changes, and a slow machine may have shown data long before it listens.
    const isLate = this.state === 'lost' || Date.now() - this.since > LATE_MS;
    if (isLate && !this.lastId) this.version += 1;
    this.state = 'live';
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENCE_MS);
        for (const event of events.read(value)) {
          this.lastId = event.id || this.lastId;
          this.version += 1;
        }
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

export const live = new Live();
