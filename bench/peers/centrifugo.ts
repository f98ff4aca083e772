/**
 * Centrifugo on its memory engine, or on a given Redis: subscribers over its WebSocket protocol in JSON.
 *
 * History, recovery and presence are on, and each connection shows a token. Messages go to its HTTP API in order
 * and in batches: those that come during a request are the next batch.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../test/support/eventually.ts';
import { freePort } from '../../test/support/free-port.ts';
import { MESSAGE_ID } from '../payload.ts';
import { usageOf } from '../process-usage.ts';
import type { Message } from '../protocol.ts';
import { report } from './report.ts';
import { SECRET } from './secret.ts';

const MOST_IN_A_BATCH = 500;
const API_KEY = 'a-key-of-the-benchmark';

const port = await freePort();
const redisUrl = process.env['REDIS_URL'];
const dir = mkdtempSync(join(tmpdir(), 'realtime-bench-'));
const settings = join(dir, 'centrifugo.json');
writeFileSync(
  settings,
  JSON.stringify({
    http_server: { address: '127.0.0.1', port: String(port) },
    log: { level: 'error' },
    // Longer than any measurement: a ping in a frame with messages would escape the load generator.
    client: { token: { hmac_secret_key: SECRET }, ping_interval: '600s' },
    http_api: { key: API_KEY },
    channel: {
      without_namespace: {
        allow_subscribe_for_client: true,
        presence: true,
        history_size: 1_000,
        history_ttl: '300s',
        force_recovery: true,
      },
    },
    engine: redisUrl ? { type: 'redis', redis: { address: redisUrl } } : { type: 'memory' },
  }),
);
const server = spawn('centrifugo', ['--config', settings], { stdio: 'ignore' });
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function post(commands: readonly object[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const body = JSON.stringify({ commands, parallel: false });
  const headers = { 'x-api-key': API_KEY, 'content-type': 'application/json', 'content-length': body.length };
  const call = request({ port, host: '127.0.0.1', path: '/api/batch', method: 'POST', headers, agent }, (response) => {
    if (response.statusCode !== 200) reject(new Error(`Centrifugo answered ${response.statusCode}`));
    response.resume().once('end', resolve);
  });
  call.once('error', reject);
  call.end(body);
  return promise;
}

let waiting: object[] = [];
let isPublishing = false;

async function publishWaiting(): Promise<void> {
  if (isPublishing) return;
  isPublishing = true;
  while (waiting.length > 0) {
    const batch = waiting.slice(0, MOST_IN_A_BATCH);
    waiting = waiting.slice(MOST_IN_A_BATCH);
    await post(batch);
  }
  isPublishing = false;
}

await eventually(() => post([{ info: {} }]));

report({
  port,
  publish({ conversation, sequence, content }: Message) {
    waiting.push({ publish: { channel: conversation, data: { id: MESSAGE_ID, sequence, content } } });
    // Waits for the other messages that are published at the same moment.
    if (waiting.length === 1) setImmediate(() => void publishWaiting());
  },
  usage: () => usageOf(server.pid ?? 0),
  stop() {
    server.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  },
});
