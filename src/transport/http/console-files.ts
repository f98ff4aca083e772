/**
 * The console at `/`, and GraphiQL at `/graphql`: pages that `npm run console:build` makes.
 *
 * Files are read at each request, so a new build is served at once, and none is held in memory.
 */
import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** The same folder, seen from `src/` and from the compiled `dist/`. */
export const CONSOLE_FOLDER = new URL('../../../dist/console/', import.meta.url);

export type ConsolePage = 'index' | 'graphiql';
/** Answers with this page. */
export type ShowPage = (page: ConsolePage, reply: FastifyReply) => Promise<FastifyReply>;

const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self' data:",
  'connect-src': "'self'",
  'worker-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'frame-ancestors': "'none'",
};
const policyOf = (directives: Readonly<Record<string, string>>): string =>
  Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources}`)
    .join('; ');
const POLICIES: Readonly<Record<ConsolePage, string>> = {
  index: policyOf(POLICY),
  // Its editor writes style elements.
  graphiql: policyOf({ ...POLICY, 'style-src': "'self' 'unsafe-inline'" }),
};

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ttf': 'font/ttf',
};
/** A name without a folder, and none that begins with a dot. */
const ASSET = /^[\w-]+(\.[\w-]+)+$/;

const NOT_BUILT = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><title>Real-time Communication Service</title></head>
  <body>
    <h1>Real-time Communication Service</h1>
    <p>The service runs. Its console and GraphiQL are not built yet: <code>npm run console:build</code>, then reload this page.</p>
  </body>
</html>
`;

/** The content of a built page or asset; null when there is none. */
async function built(name: string, folder: URL): Promise<Buffer | null> {
  try {
    return await readFile(new URL(name, folder));
  } catch {
    return null;
  }
}

/** Serves the assets, and returns a function that sends a page. */
export function addConsole(app: FastifyInstance, folder = CONSOLE_FOLDER): ShowPage {
  const show: ShowPage = async (page, reply) => {
    reply.header('content-security-policy', POLICIES[page]).header('cache-control', 'no-cache');
    return reply.type('text/html; charset=utf-8').send((await built(`${page}.html`, folder)) ?? NOT_BUILT);
  };
  app.get('/', { exposeHeadRoute: false }, (_request, reply) => show('index', reply));
  app.get<{ Params: { name: string } }>('/console/assets/:name', { exposeHeadRoute: false }, async (request, reply) => {
    const { name } = request.params;
    const type = TYPES[extname(name)];
    const content = type && ASSET.test(name) ? await built(`assets/${name}`, folder) : null;
    if (content === null || type === undefined) return reply.callNotFound();
    // The name contains a hash of the content.
    return reply.header('cache-control', 'public, max-age=31536000, immutable').type(type).send(content);
  });
  return show;
}
