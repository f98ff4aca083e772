/**
 * The balancers of `deploy/balancers` before two nodes: idle streams stay open, and a node may end, on each transport.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { readConfig } from '../../src/config.ts';
import { TRANSPORTS, type Transport } from '../consistency/transports.ts';
import type { TrialNode } from '../consistency/world.ts';
import { post, tokenOf } from '../faults/load.ts';
import { type Fleet, startFleet } from '../faults/processes.ts';
import { subscribeRaw } from '../faults/raw-subscriber.ts';
import { type CallbackRouter, startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import {
  configOf,
  isInstalled,
  PROXIES,
  PROXY_NAMES,
  type ProxyName,
  type RunningProxy,
  startProxy,
} from '../support/proxies.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { openSocket } from '../support/socket.ts';

/** Every time of balancers and nodes is divided by it: 130 s of silence are 22. */
const HASTE = 6;
const DEFAULTS = readConfig({ JWT_SECRET: 'x'.repeat(32), NODE_ENV: 'production' });
const IDLE_MS = 130_000;
const hasty = (ms: number): string => `${Math.floor(ms / HASTE)}ms`;
const SENDING = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { sequence } }`;
const CREATE = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }`;
const HEAR = `subscription ($id: ID!, $after: [ID!]) {
  messageReceived(conversationIds: [$id], after: $after) { sequence position }
}`;

describe.each(PROXY_NAMES)('the file for %s', (name) => {
  const text = configOf(name);

  it('is what docs/balancers.md shows', () => {
    const page = readFileSync(new URL('../../docs/balancers.md', import.meta.url), 'utf8');
    expect(page).toContain(`\`deploy/balancers/${PROXIES[name].file}\``);
    expect(page).toContain(`\n${text}\`\`\`\n`);
  });

  it('has idle timeouts above three heartbeats, and a keep-alive below that of a node', () => {
    const timesOf = (line: RegExp): number[] => [...text.matchAll(line)].map(([, seconds]) => Number(seconds) * 1_000);
    const idle = timesOf(/^\s*(?:proxy_read_timeout|proxy_send_timeout|timeout (?:client|server|tunnel)) (\d+)s/gm);
    for (const ms of idle) expect(ms).toBeGreaterThanOrEqual(3 * DEFAULTS.heartbeatIntervalMs);
    const kept = timesOf(/^\s*(?:keepalive_timeout|timeout http-keep-alive|keepalive) (\d+)s/gm);
    expect(kept).toHaveLength(1);
    for (const ms of kept) expect(ms).toBeLessThan(DEFAULTS.keepAliveMs);
  });
});

const tried = PROXY_NAMES.filter(isInstalled);
for (const name of PROXY_NAMES.filter((each) => !tried.includes(each)))
  it.skip(`${name}: not installed here`, () => undefined);

(tried.length > 0 ? describe : describe.skip)('before two nodes', () => {
  let fleet: Fleet;
  let router: CallbackRouter;
  const proxies = new Map<ProxyName, RunningProxy>();
  beforeAll(async () => {
    router = await startCallbackRouter();
    const settings = {
      ...onSharedRedis(),
      TRUST_PROXY: 'true',
      HEARTBEAT_INTERVAL: hasty(DEFAULTS.heartbeatIntervalMs),
      STREAM_HEARTBEAT: hasty(DEFAULTS.streamHeartbeatMs),
      KEEP_ALIVE: hasty(DEFAULTS.keepAliveMs),
      DRAIN_WINDOW: '500ms',
      CALLBACK_ALLOWED_URLS: `${router.url}/callback`,
    };
    fleet = await startFleet(2, () => settings);
    const ports = fleet.endpoints.map(({ url }) => Number(new URL(url).port)) as [number, number];
    for (const name of tried) proxies.set(name, await startProxy(name, ports, HASTE));
  });
  afterAll(async () => {
    for (const proxy of proxies.values()) await proxy.stop();
    await fleet.close();
    await router.close();
  });

  const proxyOf = (name: ProxyName): RunningProxy => proxies.get(name) as RunningProxy;
  async function begin({ url }: RunningProxy): Promise<{ id: string; position: string; send(): Promise<void> }> {
    const token = await tokenOf('alice');
    const input = { id: randomUUID(), kind: 'GROUP', memberIds: ['bob'] };
    const { data } = await eventually(async () => {
      const answer = await post(url, token, CREATE, { input });
      if (!answer.data) throw new Error(JSON.stringify(answer));
      return answer;
    });
    return {
      ...data.createConversation,
      /** Until it is acknowledged, under the same id: an answer may be lost with its node. */
      async send() {
        const message = { conversationId: input.id, content: 'x', clientMessageId: randomUUID() };
        await eventually(async () => {
          const answer = await post(url, token, SENDING, { input: message });
          if (!answer.data?.sendMessage) throw new Error(JSON.stringify(answer));
        });
      },
    };
  }

  it('a stream that is idle for 130 s stays open and receives the next event, on each transport', async () => {
    const bob = await tokenOf('bob');
    const idle = tried.map(async (name) => {
      const proxy = proxyOf(name);
      const { id, send } = await begin(proxy);
      const body = { query: HEAR, variables: { id } };
      const graphqlWs = await openSocket(proxy.wsUrl, ['graphql-transport-ws']);
      const raw = await openSocket(`${proxy.url.replace('http', 'ws')}/ws?token=${bob}`, []);
      const pings = [graphqlWs, raw].map(({ socket }) => {
        const seen = { count: 0 };
        socket.on('ping', () => (seen.count += 1));
        return seen;
      });
      graphqlWs.send({ type: 'connection_init', payload: { token: bob } });
      await graphqlWs.frame(0);
      graphqlWs.send({ type: 'subscribe', id: '1', payload: body });
      const streams: RawStream[] = [];
      for (const accept of ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])
        streams.push(await openStream(proxy, bob, body, { accept }));
      await eventually(() => {
        for (const { count } of pings) expect(count).toBeGreaterThan(IDLE_MS / DEFAULTS.heartbeatIntervalMs);
      });
      await send();
      await eventually(() => {
        expect(graphqlWs.frames.at(-1)).toMatchObject({ type: 'next', id: '1' });
        expect(raw.frames.at(-1)).toMatchObject({ type: 'RoomMessage' });
        for (const { text } of streams) expect(text).toContain('"sequence":1');
      });
      for (const { end, stop } of streams) {
        expect(end).toBeNull();
        stop();
      }
      for (const { socket } of [graphqlWs, raw]) socket.terminate();
    });
    await Promise.all(idle);
  });

  it.each(tried)(
    'G06: behind %s no client misses a message when a node drains or is killed, on any transport',
    async (name) => {
      const proxy = proxyOf(name);
      const { id, position, send } = await begin(proxy);
      const token = await tokenOf('bob');
      const closing = new AbortController();
      const heard = new Map<string, number[]>();
      async function read(kind: string, transport: Transport): Promise<void> {
        const sequences: number[] = [];
        heard.set(kind, sequences);
        let after = position;
        while (!closing.signal.aborted) {
          await transport({
            node: proxy as unknown as TrialNode,
            token,
            query: HEAR,
            variables: { id, after: [after] },
            signal: closing.signal,
            onResponse({ data }) {
              if (!data?.messageReceived) return;
              after = data.messageReceived.position;
              sequences.push(data.messageReceived.sequence);
            },
          });
          await wait(50);
        }
      }
      const reading = [
        read('graphql-ws', TRANSPORTS.overWebSocket),
        read(
          'sse',
          TRANSPORTS.overSse(() => 0),
        ),
        read('multipart', TRANSPORTS.overMultipart),
        read('callback', TRANSPORTS.overCallback(router)),
      ];
      const raw = subscribeRaw({ url: () => proxy.wsUrl, token, conversationId: id, position });
      let sent = 0;
      const all = (): number[] => Array.from({ length: sent }, (_, index) => index + 1);
      async function goesOn(): Promise<void> {
        for (let n = 0; n < 5; n += 1) {
          await send();
          sent += 1;
        }
        await eventually(() => {
          for (const [kind, sequences] of heard) expect([kind, sequences]).toEqual([kind, all()]);
          expect(raw.heard.events.map(({ sequence }) => sequence)).toEqual(all());
        });
      }
      try {
        await goesOn();
        for (const [index, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
          const gone = fleet.programs[index]?.stop(signal);
          await goesOn();
          await gone;
          await fleet.restart(index);
          await goesOn();
        }
      } finally {
        closing.abort();
        raw.client.dispose();
        await Promise.all(reading);
      }
    },
  );
});
