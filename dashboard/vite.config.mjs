/**
 * Builds the web page into `dist/dashboard` (scripts/bootstrap.mjs says when and where exactly).
 *
 * Invariant: the page is whole. Nothing in it is fetched from anywhere but the server that it came from, and it works under any path (`base`).
 */

import { defineConfig } from 'vite'

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    target: 'es2023',
    emptyOutDir: true,
    reportCompressedSize: false,
    // Everything below 4 KiB would be put in as data: URLs, which the content security policy does not let through.
    assetsInlineLimit: 0,
    // All browsers that this page is for know modulepreload.
    modulePreload: { polyfill: false },
  },
})
