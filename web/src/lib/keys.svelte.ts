// The keyboard shortcuts that `?` lists. Entries of a list have `data-entry`, the field that `/` focuses has `data-find`.
import { href } from './route';
import { router } from './router.svelte';
import { settings } from './settings.svelte';

class Keys {
  isHelpShown = $state(false);
  private isGo = false;

  constructor() {
    document.addEventListener('keydown', (event) => this.press(event));
  }

  private press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target instanceof HTMLElement ? event.target : undefined;
    if (event.key === 'Escape') {
      if (this.isHelpShown) this.isHelpShown = false;
      else target?.blur();
      return;
    }
    if (target?.matches('input, textarea, select, [contenteditable]')) return;
    const isGo = this.isGo;
    this.isGo = !isGo && event.key === 'g';
    if (isGo ? this.goTo(event.key) : this.act(event.key)) event.preventDefault();
  }

  private goTo(key: string): boolean {
    const pages: Record<string, string> = { n: href.now(), s: href.services(), m: href.map(), c: href.compare(), o: href.objectives(), d: href.data(), x: href.chaos() };
    const to = pages[key];
    if (to) router.go(to);
    return to !== undefined;
  }

  private act(key: string): boolean {
    if (key === '?') this.isHelpShown = !this.isHelpShown;
    else if (key === '/') return focus('[data-find]');
    else if (key === 'j') return move(1);
    else if (key === 'k') return move(-1);
    else if (key === 'u') settings.setZone(settings.zone === 'utc' ? 'local' : 'utc');
    else return false;
    return true;
  }
}

function focus(selector: string): boolean {
  const found = document.querySelector<HTMLInputElement>(selector);
  found?.focus();
  found?.select();
  return found !== null;
}

function move(by: 1 | -1): boolean {
  const entries = [...document.querySelectorAll<HTMLElement>('[data-entry]')];
  const at = entries.findIndex((entry) => entry === document.activeElement);
  const next = entries[at < 0 ? (by > 0 ? 0 : entries.length - 1) : at + by];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return entries.length > 0;
}

export const keys = new Keys();
