// The current time, for ages on the page: it advances every few seconds, at no cost while nobody reads it.
const STEP_MS = 5_000;
/** How often data without events is fetched again: whether a target begins to fail, or its first services are known. */
const POLL_MS = 15_000;

class Now {
  ms = $state(Date.now());
  /** Changes with every poll. */
  readonly poll = $derived(Math.floor(this.ms / POLL_MS));

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.ms = Date.now();
    }, STEP_MS);
  }
}

export const now = new Now();
