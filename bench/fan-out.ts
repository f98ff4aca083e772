/**
 * Server CPU per delivered message, beside peers, in one run: `npm run bench`.
 *
 * The load generator is this process: sockets that count frames and check that
 * each came, in order. Every server runs in a process of its own and is told to
 * publish over its IPC channel, so what is measured is publish, fan-out, write.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { startRedisServer } from '../test/support/redis-server.ts';
import type { Command, Report } from './peers.ts';

interface Workload {
  readonly name: string;
  readonly subscribers: number;
  readonly perSecond: number;
  readonly seconds: number;
}
const WORKLOADS: readonly Workload[] = [
  { name: '1,000 subscribers, 20 messages/s for 5 s', subscribers: 1_000, perSecond: 20, seconds: 5 },
  { name: '200 subscribers, 1,000 messages/s for 3 s', subscribers: 200, perSecond: 1_000, seconds: 3 },
];
const CONTENT = 'x'.repeat(200);
const SUBSCRIBE = 'subscription { messageReceived { id sequence content } }';
const SUBSCRIBE_SERVICE = 'subscription { messageReceived(conversationIds: ["bench"]) { id sequence content } }';
const TICK_MS = 20;

const command = (child: ChildProcess, message: Command): boolean => child.send(message);

async function report<Kind extends Report['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Report, { kind: Kind }>> {
  for (;;) {
    const [message] = (await once(child, 'message')) as [Report];
    if (message.kind === kind) return message as Extract<Report, { kind: Kind }>;
  }
}

async function cpu(child: ChildProcess): Promise<{ user: number; system: number }> {
  const answer = report(child, 'cpu');
  command(child, { kind: 'cpu' });
  return answer;
}

/** A socket that is subscribed once this resolves, and counts from then on. */
async function subscribe(
  url: string,
  query: string,
  token: string | undefined,
  received: () => void,
): Promise<WebSocket> {
  const socket = new WebSocket(url, 'graphql-transport-ws', { perMessageDeflate: false });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'connection_init', payload: token ? { token } : {} }));
  await once(socket, 'message');
  socket.send(JSON.stringify({ id: 's', type: 'subscribe', payload: { query } }));
  let last = 0;
  socket.on('message', (data: Buffer) => {
    const sequence = Number(/"sequence":(\d+)/.exec(data.toString())?.[1]);
    if (Number.isNaN(sequence)) return;
    if (last > 0 && sequence !== last + 1) throw new Error(`After ${last} came ${sequence}.`);
    last = sequence;
    received();
  });
  return socket;
}

async function measure(
  peer: string,
  env: Record<string, string>,
  workload: Workload,
): Promise<{ user: number; system: number }> {
  const child = fork(new URL(`./peer-${peer}.ts`, import.meta.url), {
    env: { ...process.env, ...env },
    execArgv: ['--no-warnings'],
  });
  const { port, token } = await report(child, 'listening');
  let count = 0;
  const received = (): void => {
    count += 1;
  };
  const query = peer === 'service' ? SUBSCRIBE_SERVICE : SUBSCRIBE;
  const url = `ws://127.0.0.1:${port}/graphql`;
  const sockets: WebSocket[] = [];
  for (let n = 0; n < workload.subscribers; n += 1) sockets.push(await subscribe(url, query, token, received));
  await wait(1_000);
  let sequence = 0;
  const publish = async (messages: number, total: number): Promise<void> => {
    const perTick = workload.perSecond / (1_000 / TICK_MS);
    let due = 0;
    for (let sent = 0; sent < messages; ) {
      for (due += perTick; due >= 1 && sent < messages; due -= 1, sent += 1) {
        sequence += 1;
        command(child, { kind: 'publish', sequence, content: CONTENT });
      }
      await wait(TICK_MS);
    }
    while (count < total) await wait(5);
  };
  // Warm: the same work once, not counted.
  const messages = workload.perSecond * workload.seconds;
  const each = messages * workload.subscribers;
  await publish(messages, each);
  const before = await cpu(child);
  await publish(messages, 2 * each);
  const after = await cpu(child);
  for (const socket of sockets) socket.terminate();
  child.kill('SIGKILL');
  return { user: (after.user - before.user) / each, system: (after.system - before.system) / each };
}

const redis = await startRedisServer();
const PEERS = [
  ['this service, Redis', 'service', { REDIS_URL: redis.url }],
  ['this service, embedded', 'service', { REDIS_URL: '' }],
  ['graphql-ws + graphql-redis-subscriptions', 'stock', { REDIS_URL: redis.url }],
  ['bare ws.send of a prepared string', 'bare-ws', {}],
] as const;

const lines = [
  '# Results',
  '',
  `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'cpu'}, everything on one machine.`,
  'Server CPU in µs per delivered message; ratios are the figures to compare. Written by `npm run bench`.',
];
for (const workload of WORKLOADS) {
  lines.push(
    '',
    `## ${workload.name}`,
    '',
    '| server | user | system | total | against bare ws |',
    '| --- | --- | --- | --- | --- |',
  );
  const rows: [string, number, number][] = [];
  for (const [name, peer, env] of PEERS) {
    const { user, system } = await measure(peer, env, workload);
    rows.push([name, user, system]);
    console.log(workload.name, name, user.toFixed(2), system.toFixed(2));
  }
  const [, bareUser = 0, bareSystem = 0] = rows.at(-1) ?? [];
  for (const [name, user, system] of rows) {
    const ratio = (user + system) / (bareUser + bareSystem);
    lines.push(
      `| ${name} | ${user.toFixed(2)} | ${system.toFixed(2)} | ${(user + system).toFixed(2)} | ${ratio.toFixed(2)} |`,
    );
  }
}
await redis.stop();
writeFileSync(new URL('./RESULTS.md', import.meta.url), `${lines.join('\n')}\n`);
process.exit(0);
