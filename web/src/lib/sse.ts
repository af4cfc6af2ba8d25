// Server-sent events, read from a text stream: https://html.spec.whatwg.org/multipage/server-sent-events.html. The browser's own EventSource gives up
// for good if a server answers 503 once, and then forgets the last event id.

export type ServerEvent = { id: string; event: string; data: string };

/** Most characters of an event that is not complete yet. */
const MAX_PENDING = 1 << 20;

export class EventReader {
  private pending = '';

  /** The events completed by this piece of the stream. */
  read(piece: string): ServerEvent[] {
    this.pending = (this.pending + piece).replaceAll('\r\n', '\n');
    if (this.pending.length > MAX_PENDING) throw new Error('an event is too long');
    const blocks = this.pending.split('\n\n');
    this.pending = blocks.pop() ?? '';
    return blocks.flatMap(parseBlock);
  }
}

function parseBlock(block: string): ServerEvent[] {
  const event: ServerEvent = { id: '', event: 'message', data: '' };
  let hasData = false;
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    // A comment only keeps the connection open.
    if (colon === 0 || line === '') continue;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      event.data = hasData ? `${event.data}\n${value}` : value;
      hasData = true;
    } else if (name === 'event') event.event = value;
    else if (name === 'id') event.id = value;
  }
  return hasData ? [event] : [];
}

/** How long to wait before the n-th reconnect, in milliseconds: 1 s, 2 s, 4 s, … 30 s at most, plus up to a quarter at random. */
export function pauseMs(tries: number, chance: number): number {
  return Math.min(30_000, 1000 * 2 ** Math.min(tries, 5)) * (1 + chance / 4);
}
