// A request to the API: its value, or why there is none. It is repeated whenever its dependencies change; the previous value stays until the new one
// is there.
import { ApiError } from '../api/client';
import { session } from './session.svelte';

export class Resource<T> {
  value = $state.raw<T>();
  error = $state.raw<ApiError>();
  isLoading = $state(true);
  private again = $state(0);

  /** `ask` is called inside an effect: every state that it reads before its first `await` makes it run again. `undefined` requests nothing. */
  constructor(ask: (signal: AbortSignal) => Promise<T> | undefined) {
    $effect(() => {
      void this.again;
      const abort = new AbortController();
      const answer = ask(abort.signal);
      if (!answer) {
        this.isLoading = false;
        return;
      }
      this.isLoading = true;
      void this.take(answer, abort.signal);
      return () => abort.abort();
    });
  }

  reload(): void {
    this.again += 1;
  }

  private async take(answer: Promise<T>, signal: AbortSignal): Promise<void> {
    try {
      const value = await answer;
      if (signal.aborted) return;
      this.value = value;
      this.error = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error instanceof ApiError ? error : new ApiError('broken', String(error));
      if (this.error.kind === 'unauthorized') session.isNeeded = true;
    }
    this.isLoading = false;
  }
}
