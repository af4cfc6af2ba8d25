// Rules that the compiler cannot check: short files, and no way for text from the server to become markup.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { en } from './i18n/en';
import { zh } from './i18n/zh';

const MAX_LINES = 250;
const FORBIDDEN = ['{@html', 'innerHTML', 'outerHTML', 'insertAdjacentHTML', 'document.write', 'eval(', ' style="', 'localStorage.setItem(`token'];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(ts|svelte)$/.test(name) && !name.endsWith('schema.d.ts') && !name.endsWith('form.test.ts'))
  .map((name) => ({ name, text: readFileSync(join('src', name), 'utf8') }));

test('the files are found', () => {
  expect(files.length).toBeGreaterThan(40);
});

test('a file holds one idea', () => {
  const long = files.filter(({ name, text }) => !name.includes('i18n') && text.split('\n').length > MAX_LINES);
  expect(long.map(({ name }) => name)).toEqual([]);
});

test('text from the server stays text', () => {
  const found = files.flatMap(({ name, text }) => FORBIDDEN.filter((word) => text.includes(word)).map((word) => `${name}: ${word}`));
  expect(found).toEqual([]);
});

test('no sentence is empty, and Chinese sentences have Chinese signs', () => {
  const leaves = (value: unknown, path: string): [string, unknown][] =>
    typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, `${path}.${key}`)) : [[path, value]];
  const translated = new Map(leaves(zh, ''));
  for (const [path, value] of leaves(en, '')) {
    const other = translated.get(path);
    expect(typeof other, path).toBe(typeof value);
    if (typeof other === 'string' && other.length > 4 && !/^[a-zA-Z0-9 /?]+$/.test(other)) expect(other, path).toMatch(/[\u4e00-\u9fff]/);
    expect(value === '', path).toBe(false);
  }
});
