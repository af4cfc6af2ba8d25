// The time, for ages that are shown: it moves every few seconds, and costs nothing while nobody reads it.
const STEP_MS = 5_000;
/** What sends no event is asked again so often: that a target begins to fail, or that its first services are known. */
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
