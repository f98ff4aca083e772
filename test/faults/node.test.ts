/** A node that is killed, stopped, out of files or short of memory. */
import { spawnSync } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';
import { Load, post, tokenOf } from './load.ts';
import { measured } from './measured.ts';
import { type Cluster, startCluster } from './processes.ts';
import { createRandom } from './random.ts';
import { IS_FULL, SEEDS, TEST_MS } from './settings.ts';

const PRESENCE = '{ presence(userIds: ["watched"]) { status } }';
/** Past the lease and a sweep. */
const STOPPED_MS = TIMES.nodeLeaseMs + TIMES.nodeRenewMs + 1_000;
/** What each event of a slow reader has of the content: the more, the fewer messages fill the buffers of the sockets. */
const COPIES = Array.from({ length: IS_FULL ? 1 : 8 }, (_, n) => `content${n}: content`).join(' ');

describe.each(SEEDS)('a node, seed %i', (seed) => {
  let cluster: Cluster | null = null;
  afterEach(async () => {
    await cluster?.close();
    cluster = null;
  });

  it(
    'G06, F26: clients of a node killed by SIGKILL resume at the other, with nothing missing or twice',
    async () => {
      cluster = await startCluster(2);
      const load = await Load.start(cluster.endpoints, createRandom(seed));
      try {
        load.endpoints.shift();
        await cluster.programs[0]?.stop('SIGKILL');
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
        expect(load.history.heard.filter(({ closes }) => closes.length > 0)).not.toEqual([]);
      } finally {
        await load.close();
      }
    },
    TEST_MS,
  );

  // Longer than a lease: at full size only.
  (IS_FULL ? it : it.skip)(
    'G11, F27: stopped for longer than its lease: its users go offline and come back, and nothing is missing',
    async () => {
      cluster = await startCluster(2);
      const [stopped, other] = cluster.endpoints;
      const token = await tokenOf('reader-0');
      const status = async (): Promise<string> =>
        (await post(other?.url ?? '', token, PRESENCE, {})).data.presence[0].status;
      const watched = await connectClient(stopped?.wsUrl ?? '', await tokenOf('watched'));
      const load = await Load.start(cluster.endpoints, createRandom(seed));
      try {
        await eventually(async () => expect(await status()).toBe('ONLINE'));
        // Who writes goes to the node that works.
        load.endpoints.shift();
        cluster.programs[0]?.process.kill('SIGSTOP');
        const until = performance.now() + STOPPED_MS;
        await eventually(async () => expect(await status()).toBe('OFFLINE'));
        await wait(Math.max(until - performance.now(), 0));
        cluster.programs[0]?.process.kill('SIGCONT');
        await eventually(async () => expect(await status()).toBe('ONLINE'));
        await load.goesOn();
        expect(await load.verdict()).toEqual([]);
      } finally {
        await watched.close();
        await load.close();
      }
    },
    TEST_MS,
  );

  it(
    'F30: out of file descriptors, it serves connected clients, and new ones once there is room',
    async () => {
      cluster = await startCluster(1);
      const [{ url, wsUrl }] = cluster.endpoints as [{ url: string; wsUrl: string }];
      const { pid } = cluster.programs[0]?.process ?? {};
      const alice = await connectClient(wsUrl, await tokenOf('alice'));
      const limit = (files: number): void => {
        expect(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:4096`]).status).toBe(0);
      };
      limit(60);
      const sockets: RawSocket[] = [];
      const waiting: Promise<unknown>[] = [];
      for (let n = 0; n < 100; n += 1)
        waiting.push(
          openSocket(wsUrl, ['graphql-transport-ws']).then(
            (socket) => sockets.push(socket),
            () => null,
          ),
        );
      await eventually(() => expect(sockets.length).toBeGreaterThan(10));
      expect((await alice.query('{ viewer { id } }')).data.viewer.id).toBe('alice');
      limit(4_096);
      for (const { socket } of sockets) socket.terminate();
      await eventually(async () => expect((await fetch(`${url}/health`)).status).toBe(200));
      await Promise.all(waiting);
      for (const { socket } of sockets) socket.terminate();
      expect(alice.closes).toEqual([]);
      await alice.close();
    },
    TEST_MS,
  );

  it(
    'F31, G10: with 128 MiB it survives readers that do not read, and closes them',
    async () => {
      const env = {
        RATE_LIMIT_ENABLED: 'false',
        NODE_OPTIONS: '--max-old-space-size=128',
        MAX_QUEUED_BYTES: '256KiB',
        CLIENT_TIMEOUT: '5m',
      };
      const { program, url, address } = await startServiceProcess(env);
      try {
        const token = await tokenOf('alice');
        await post(url, token, 'mutation { createConversation(input: {id: "c"}) { id } }', {});
        const slow: RawSocket[] = [];
        for (let n = 0; n < 30; n += 1) {
          const socket = await openSocket(`ws://${address}/graphql`, ['graphql-transport-ws']);
          socket.send({ type: 'connection_init', payload: { token } });
          await socket.frame(0);
          socket.send({
            id: '1',
            type: 'subscribe',
            payload: { query: `subscription { messageReceived { ${COPIES} } }` },
          });
          socket.socket.pause();
          slow.push(socket);
        }
        const content = 'x'.repeat(8_000);
        const send =
          'mutation ($content: String!) { sendMessage(input: {conversationId: "c", content: $content}) { id } }';
        const closed = async (): Promise<number> => {
          const text = await (await fetch(`${url}/metrics`)).text();
          return Number(/realtime_socket_closes_total\{code="1013"\} (\d+)/.exec(text)?.[1] ?? 0);
        };
        let sent = 0;
        await eventually(async () => {
          for (let n = 0; n < 20; n += 1) await post(url, token, send, { content });
          sent += 20;
          expect(await closed()).toBe(slow.length);
        }, TEST_MS / 2);
        expect(program.process.exitCode).toBeNull();
        measured('F31', `30 readers that read nothing were closed after at most ${sent} messages of 8 KB`);
        for (const { socket } of slow) socket.terminate();
      } finally {
        await program.stop('SIGKILL');
      }
    },
    TEST_MS,
  );
});
