// Detects changes of the colours on the screen: canvases must be drawn again then.
import { settings } from './settings.svelte';

class Theme {
  private system = $state(0);
  /** Grows with every change. */
  readonly version = $derived(`${settings.theme} ${this.system}`);

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => (this.system += 1));
  }
}

export const theme = new Theme();

/** A colour of the style sheet, for a canvas. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
