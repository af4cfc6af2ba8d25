// Commands to copy. What they name comes from metrics, and whoever pastes one into a shell must not run what a service is called.

export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=@,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
