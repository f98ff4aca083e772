/** `npm run demo:chat` serves the chat on port 5173, while the service runs. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  root: path('.'),
  base: './',
  resolve: {
    // Your app installs the package and needs no alias.
    alias: [
      { find: /^realtime-communication-client\/(.+)$/, replacement: path('../../client/src/$1/index.ts') },
      { find: /^realtime-communication-client$/, replacement: path('../../client/src/index.ts') },
    ],
  },
  build: { outDir: path('../../dist/chat'), emptyOutDir: true },
});
