/**
 * Builds the console and GraphiQL into `dist/console`: by `npm run console:build`, and before `npm start` with `--if-needed`,
 * which builds only if the sources have changed since the last build. The service also starts without a console.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const ROOT = new URL('../', import.meta.url);
const BUILT = new URL('dist/console/built-from', ROOT);

const filesUnder = (folder: string): string[] =>
  readdirSync(new URL(folder, ROOT), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);

/** A hash of all sources of the pages. */
function hashOfSources(): string {
  const hash = createHash('sha256');
  for (const file of ['console', 'client/src'].flatMap(filesUnder).sort()) hash.update(file).update(readFileSync(file));
  return hash.update(readFileSync(new URL('package-lock.json', ROOT))).digest('hex');
}

// Node's own option would report a missing file on every start.
if (existsSync(new URL('.env', ROOT))) process.loadEnvFile(new URL('.env', ROOT));

/** Whether the service serves the console with these settings. */
const isServed = (): boolean =>
  process.env['CONSOLE'] ? process.env['CONSOLE'] === 'true' : process.env['NODE_ENV'] !== 'production';

async function buildConsole(): Promise<void> {
  const { build } = await import('vite');
  await build({ configFile: new URL('console/vite.config.ts', ROOT).pathname, logLevel: 'error' });
  writeFileSync(BUILT, hashOfSources());
}

const { 'if-needed': ifNeeded } = parseArgs({ options: { 'if-needed': { type: 'boolean', default: false } } }).values;
if (!ifNeeded) await buildConsole();
else if (isServed() && !(existsSync(BUILT) && readFileSync(BUILT, 'utf8') === hashOfSources())) {
  console.log('Building the console, which takes some seconds …');
  await buildConsole().catch((error: Error) => console.error(`The console was not built: ${error.message}`));
}
