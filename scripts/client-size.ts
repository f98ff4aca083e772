/** Says how large the client is as a front end ships it, graphql-ws included; fails when it is over its cap. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const CAP_BYTES = 14 * 1_024;
const MOST_OUTPUT_BYTES = 4 * 1_024 * 1_024;

const arguments_ = ['client/src/index.ts', '--bundle', '--minify', '--format=esm', '--conditions=browser'];
const root = new URL('..', import.meta.url);
const esbuild = new URL('node_modules/.bin/esbuild', root).pathname;
const { stdout } = await promisify(execFile)(esbuild, arguments_, { cwd: root, maxBuffer: MOST_OUTPUT_BYTES });
const [gzip, brotli] = [gzipSync(stdout, { level: 9 }).length, brotliCompressSync(stdout).length];
console.log(`${stdout.length} bytes minified, ${gzip} with gzip, ${brotli} with brotli; the cap is ${CAP_BYTES}`);
if (brotli > CAP_BYTES) process.exitCode = 1;
