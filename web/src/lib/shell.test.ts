import { expect, test } from 'vitest';
import { quoted } from './shell';

test('a shell takes what is quoted as one word, whatever it holds', () => {
  expect(quoted('sock-shop/payment')).toBe('sock-shop/payment');
  expect(quoted('http://localhost:9090')).toBe('http://localhost:9090');
  expect(quoted('*')).toBe("'*'");
  expect(quoted('')).toBe("''");
  expect(quoted('a; rm -rf ~ $(id)')).toBe("'a; rm -rf ~ $(id)'");
  expect(quoted("a'b")).toBe(String.raw`'a'\''b'`);
});
