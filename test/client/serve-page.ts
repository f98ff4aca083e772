/** Serves a page for a browser: one file of `test/client`, bundled. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** Installed by `scripts/provide-chromium.sh`, which `npm run test:browser` calls. */
export const CHROMIUM = [process.env['CHROMIUM'], '/usr/bin/chromium'].find((path) => path && existsSync(path));

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MOST_OUTPUT_BYTES = 16 * 1_024 * 1_024;

export interface Pages {
  readonly origin: string;
  close(): void;
}

/** `markup`: what a server has rendered for this address. */
export async function servePage(file: string, markup: (url: string) => string = () => ''): Promise<Pages> {
  const flags = [`test/client/${file}`, '--bundle', '--format=esm', '--conditions=browser'];
  const options = { cwd: ROOT, maxBuffer: MOST_OUTPUT_BYTES };
  const { stdout } = await promisify(execFile)(`${ROOT}node_modules/.bin/esbuild`, flags, options);
  const server = createServer(({ url = '' }, response) => {
    const isCode = url.startsWith('/page.js');
    response.writeHead(200, { 'content-type': `${isCode ? 'text/javascript' : 'text/html'}; charset=utf-8` });
    response.end(
      isCode
        ? stdout
        : `<!doctype html><div id="root">${markup(url)}</div><script type="module" src="/page.js"></script>`,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
