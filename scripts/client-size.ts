/** Prints the size of the client, minified and compressed. Fails if the package itself is over its cap. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const CAP_BYTES = 14 * 1_024;
const MOST_OUTPUT_BYTES = 4 * 1_024 * 1_024;

const root = new URL('..', import.meta.url);
const esbuild = new URL('node_modules/.bin/esbuild', root).pathname;
const flags = ['client/src/index.ts', '--bundle', '--minify', '--format=esm', '--conditions=browser'];

async function sizeOf(...more: string[]): Promise<{ readonly gzip: number; readonly brotli: number }> {
  const options = { cwd: root, maxBuffer: MOST_OUTPUT_BYTES };
  const { stdout } = await promisify(execFile)(esbuild, [...flags, ...more], options);
  return { gzip: gzipSync(stdout, { level: 9 }).length, brotli: brotliCompressSync(stdout).length };
}

const [own, all] = [await sizeOf('--external:graphql-ws/*'), await sizeOf()];
console.log(`The package: ${own.gzip} bytes with gzip, ${own.brotli} with brotli; the cap is ${CAP_BYTES} with gzip.`);
console.log(`With graphql-ws: ${all.gzip} bytes with gzip, ${all.brotli} with brotli.`);
if (own.gzip > CAP_BYTES) process.exitCode = 1;
