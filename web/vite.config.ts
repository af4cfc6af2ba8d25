import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// `npm run dev` shows the page with the data of a running `automap serve` or `automap ui`.
const api = process.env.AUTOMAP_URL ?? 'http://127.0.0.1:9978';

export default defineConfig({
  plugins: [svelte()],
  build: {
    // The folder above it holds a file that git keeps, so that cargo always finds something to watch.
    outDir: 'dist/page',
    emptyOutDir: true,
    target: 'es2022',
    // Inlined pictures and preload helpers would need a weaker content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': { target: api, changeOrigin: false } } },
  test: { include: ['src/**/*.test.ts'] },
});
