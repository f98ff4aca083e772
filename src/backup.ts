/**
 * Copies of the embedded engine's data: `npm run backup -- FILE` while the service runs,
 * `npm run restore -- FILE` while it does not.
 */
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, readConfig } from './config.ts';
import { CONTROL, type CopyAnswer } from './engine/embedded/control.ts';
import { checkCopy, putBack } from './engine/embedded/copies.ts';

/** Asks the service that runs on the folder. */
function ask(dataDir: string, file: string): Promise<CopyAnswer> {
  const path = join(dataDir, CONTROL);
  if (!existsSync(path)) throw new Error(`No service runs on ${dataDir}.`);
  return new Promise((answer, reject) => {
    let text = '';
    const socket = createConnection(path);
    socket
      .on('connect', () => socket.write(`${file}\n`))
      .on('data', (chunk) => {
        text += chunk.toString();
      })
      .on('error', () => reject(new Error(`No service answers on ${dataDir}.`)))
      .on('end', () => (text ? answer(JSON.parse(text)) : reject(new Error('The service ended before the copy did.'))));
  });
}

async function main(): Promise<string> {
  const { values, positionals } = parseArgs({ options: { restore: { type: 'boolean' } }, allowPositionals: true });
  const [given] = positionals;
  if (given === undefined) throw new Error('Usage: npm run backup -- FILE | npm run restore -- FILE');
  const { dataDir, redis } = readConfig(process.env);
  if (redis) throw new Error('REDIS_URL is set: the data is in Redis, whose own backup is meant then.');
  const file = resolve(given);
  if (values.restore) {
    const before = putBack(file, dataDir);
    return before === null ? 'Restored.' : `Restored. What was there is ${before}.`;
  }
  const answer = await ask(dataDir, file);
  if ('error' in answer) throw new Error(answer.error);
  checkCopy(file);
  return `${file}: ${answer.bytes} bytes, checked.`;
}

main().then(
  (word) => process.stdout.write(`${word}\n`),
  (error: Error) => {
    process.stderr.write(
      `${error instanceof ConfigError ? error.message : `${process.argv.includes('--restore') ? 'Not restored' : 'No backup'}: ${error.message}`}\n`,
    );
    process.exitCode = 1;
  },
);
