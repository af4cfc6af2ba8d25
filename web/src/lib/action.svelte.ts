// A command of the user to automap: whether it is in progress, and why it failed.
import { session } from './session.svelte';

export class Action {
  isBusy = $state(false);
  error = $state('');

  /** Runs it once; returns whether it worked. */
  async run(what: () => Promise<unknown>): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.error = '';
    try {
      await what();
      return true;
    } catch (failed) {
      this.error = failed instanceof Error ? failed.message : String(failed);
      if (failed instanceof Error && 'kind' in failed && failed.kind === 'unauthorized') session.isNeeded = true;
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
