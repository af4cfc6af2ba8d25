// Links to a Prometheus that draw an expression over a period.

/** The page of a Prometheus that shows this expression; nothing if there is no address that a browser may follow. */
export function graphLink(page: string | null | undefined, promql: string, span: { from: number; to: number }): string | undefined {
  if (!page || !/^https?:\/\//.test(page) || !(span.to > span.from)) return undefined;
  const search = new URLSearchParams({
    'g0.expr': promql,
    'g0.tab': '0',
    'g0.range_input': `${Math.ceil((span.to - span.from) / 1000)}s`,
    'g0.end_input': new Date(span.to).toISOString().slice(0, 19).replace('T', ' '),
  });
  return `${page.replace(/\/$/, '')}/graph?${search}`;
}
