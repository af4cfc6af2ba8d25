// The time, for ages that are shown: it moves every few seconds, and costs nothing while nobody reads it.
const STEP_MS = 5_000;

class Now {
  ms = $state(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.ms = Date.now();
    }, STEP_MS);
  }
}

export const now = new Now();
