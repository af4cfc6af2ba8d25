// Commands to copy. The names in them come from metrics, and pasting one into a shell must not run what a service is called.

export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=@,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
