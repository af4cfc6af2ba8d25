// What a browser loads, compressed: for the first page and in all. Fails beyond the budget.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const FIRST_KB = 120;
const ALL_KB = 250;

const root = new URL('../dist/page', import.meta.url).pathname;
const html = readFileSync(join(root, 'index.html'), 'utf8');
const sent = (path) => statSync(existsSync(`${path}.gz`) ? `${path}.gz` : path).size;
let first = 0;
let all = 0;
for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.gz')) continue;
  const path = join(entry.parentPath, entry.name);
  const name = relative(root, path);
  const isFirst = name === 'index.html' || html.includes(name);
  all += sent(path);
  if (isFirst) first += sent(path);
  console.log(`${(sent(path) / 1000).toFixed(1).padStart(7)} kB  ${isFirst ? 'first' : 'later'}  ${name}`);
}
console.log(`first page ${(first / 1000).toFixed(1)} kB of ${FIRST_KB}, in all ${(all / 1000).toFixed(1)} kB of ${ALL_KB}`);
if (first > FIRST_KB * 1000 || all > ALL_KB * 1000) process.exit(1);
