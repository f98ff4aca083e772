import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export default defineConfig({
  root: path('.'),
  base: '/console/',
  build: {
    outDir: path('../dist/console'),
    emptyOutDir: true,
    // Editors are large, but they are loaded from this machine.
    chunkSizeWarningLimit: 8_000,
    rolldownOptions: { input: [path('index.html'), path('graphiql.html')], checks: { pluginTimings: false } },
  },
  worker: { format: 'es' },
});
