// Compresses what the build made, so that the server has nothing to compress. A copy that is not smaller is left out.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const root = new URL('../dist/page', import.meta.url).pathname;
for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || entry.name.endsWith('.gz')) continue;
  const path = join(entry.parentPath, entry.name);
  const bytes = readFileSync(path);
  const small = gzipSync(bytes, { level: 9 });
  if (small.length < 0.9 * bytes.length) writeFileSync(`${path}.gz`, small);
}
