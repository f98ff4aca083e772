/** Redis comes back without its latest data, or a replica without it takes over: clients that hold it are told. */
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const RECEIVED = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id content sequence position }
}`;
const CREATE = 'mutation { createConversation(input: {id: "lost", memberIds: ["bob"]}) { id } }';

describe('a log that lost its end', () => {
  let redis: RedisServer;
  /** Between the nodes and the Redis they think is one. */
  let network: TcpProxy;
  let nodes: TestService[];
  let alice: TestClient;
  let bob: TestClient;
  beforeEach(async () => {
    redis = await startRedisServer();
    network = await startTcpProxy(redis.port);
    const env = { REDIS_URL: `redis://127.0.0.1:${network.port}`, REDIS_PREFIX: `test-${randomUUID().slice(0, 8)}` };
    nodes = [await startTestService({ env }), await startTestService({ env })];
    alice = (await nodes[0]?.connect('alice')) as TestClient;
    bob = (await nodes[1]?.connect('bob')) as TestClient;
    await alice.query(CREATE);
  });
  afterEach(async () => {
    await alice.close();
    await bob.close();
    for (const node of nodes) await node.close();
    await network.close();
    await redis.stop();
  });

  async function send(content: string): Promise<Data> {
    const query = `mutation { sendMessage(input: {conversationId: "lost", content: "${content}", clientMessageId: "${content}"}) { id sequence position } }`;
    return eventually(async () => {
      const { data, errors } = await alice.query(query);
      if (errors) throw new Error(errors[0].message);
      return data.sendMessage;
    });
  }

  async function command(port: number, ...words: [string, ...string[]]): Promise<unknown> {
    const client = new Redis(port);
    try {
      return await client.call(...words);
    } finally {
      client.disconnect();
    }
  }

  /** Sends, loses what was sent past `keep`, sends again: who holds the lost is told, the others go on. */
  async function loses(keep: () => Promise<unknown>, lose: () => Promise<unknown>): Promise<void> {
    const live = await bob.subscribe(RECEIVED, { ids: ['lost'] });
    const kept = await send('kept');
    await keep();
    const lost = await send('gone');
    await live.count(2);
    await lose();
    const after = await send('after');
    expect(after.sequence).toBe(lost.sequence);
    expect(after.position).not.toBe(lost.position);
    await eventually(() => expect(live.errors[0]?.extensions.code).toBe('POSITION_EXPIRED'));
    expect(live.events).toHaveLength(2);

    const diverged = await bob.subscribe(RECEIVED, { ids: ['lost'], after: [lost.position] });
    const reason = { code: 'POSITION_EXPIRED', conversationId: 'lost', reason: 'DIVERGED' };
    await eventually(() => expect(diverged.errors[0]?.extensions).toEqual(reason));
    const resumed = await bob.subscribe(RECEIVED, { ids: ['lost'], after: [kept.position] });
    expect((await resumed.next()).messageReceived).toMatchObject({ content: 'after', position: after.position });
  }

  it('G04, F6: restart from an older snapshot: positions stay unique, lost positions are refused', async () => {
    await loses(
      () => command(redis.port, 'SAVE'),
      () => redis.restart(),
    );
  });

  it('G04, F7: promotion of a lagging replica: positions stay unique, lost positions are refused', async () => {
    const link = await startTcpProxy(redis.port);
    const replica = await startRedisServer('--replicaof', '127.0.0.1', String(link.port));
    try {
      const offsets = async (): Promise<(string | undefined)[]> =>
        Promise.all(
          [redis, replica].map(
            async ({ port }) =>
              /master_repl_offset:(\d+)/.exec(String(await command(port, 'INFO', 'replication')))?.[1],
          ),
        );
      const inStep = (): Promise<void> =>
        eventually(async () => {
          expect(String(await command(replica.port, 'INFO', 'replication'))).toContain('master_link_status:up');
          const [here, there] = await offsets();
          expect(there).toBe(here);
        });
      await loses(
        async () => {
          await inStep();
          link.silence();
        },
        async () => {
          await command(replica.port, 'REPLICAOF', 'NO', 'ONE');
          network.redirect(replica.port);
        },
      );
    } finally {
      await link.close();
      await replica.stop();
    }
  });
});
