// The address of the page as state. Links are ordinary links; this only keeps the browser from loading the page again.
import { parseRoute } from './route';

class Router {
  private url = $state.raw(new URL(location.href));
  readonly route = $derived(parseRoute(this.url.pathname));
  readonly query = $derived(this.url.searchParams);

  /** The page that is shown, as its address on this server. */
  readonly here = $derived(this.url.pathname + this.url.search);

  constructor() {
    addEventListener('popstate', () => (this.url = new URL(location.href)));
    document.addEventListener('click', (event) => this.follow(event));
  }

  /** Shows another page. */
  go(to: string): void {
    history.pushState(null, '', to);
    this.url = new URL(location.href);
    scrollTo(0, 0);
  }

  /** Changes one value of the address in place: typing in a search field adds no history entries. */
  set(name: string, value: string | undefined): void {
    const next = new URL(this.url);
    if (value) next.searchParams.set(name, value);
    else next.searchParams.delete(name);
    history.replaceState(null, '', next);
    this.url = next;
  }

  private follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const to = link?.getAttribute('href');
    if (!link || !to?.startsWith('/') || to.startsWith('//') || to.startsWith('/api/') || link.hasAttribute('download')) return;
    event.preventDefault();
    this.go(to);
  }
}

export const router = new Router();
