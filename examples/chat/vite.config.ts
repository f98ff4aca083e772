/** `npm run demo:chat` serves it on port 5173, beside a running service. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  root: path('.'),
  base: './',
  resolve: {
    // In an app of yours the package is installed, and nothing of this is needed.
    alias: [
      { find: /^realtime-communication-client\/(.+)$/, replacement: path('../../client/src/$1/index.ts') },
      { find: /^realtime-communication-client$/, replacement: path('../../client/src/index.ts') },
    ],
  },
  build: { outDir: path('../../dist/chat'), emptyOutDir: true },
});
