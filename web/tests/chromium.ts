// The browser of this machine: downloads of one's own are neither needed nor pinned by anybody.
import { existsSync } from 'node:fs';

const PLACES = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

export function chromium(): string {
  const found = PLACES.find((path) => path !== undefined && existsSync(path));
  if (!found) throw new Error('no Chromium was found: run scripts/need-chromium.sh, or set CHROMIUM to its path');
  return found;
}
