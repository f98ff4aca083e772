/**
 * F51: two nodes behind one address are upgraded one after the other, and one is killed, under Hive Gateway and load.
 * Every stream that ends does so with an error on which its client reconnects, and no client misses a message.
 */
import { signToken } from '../../src/access/tokens.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type Gateway, MODES, placeForGateway, startGateway } from '../support/gateway.ts';
import { GatewayReader } from '../support/gateway-reader.ts';
import { type Program, startProgram } from '../support/process.ts';
import { type Data, newId, SECRET } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';

/** Each is one socket of the gateway in `ws` mode, with its streams on it. */
const USERS = ['bob', 'carol', 'dave', 'erin'];
const STREAMS_EACH = 5;
/** Messages between two steps of the upgrade: streams are busy when a node goes. */
const BETWEEN = 20;
const GATEWAY_SECRET = 'proves-the-gateway-of-the-upgrade';

const tokenOf = (userId: string): Promise<string> =>
  signToken({ secret: SECRET, userId, expiresAt: Math.floor(Date.now() / 1_000) + 3_600 });

describe.each(MODES)('a rolling upgrade, under Hive Gateway subscribing by %s', (mode) => {
  let ports: readonly number[];
  let nodes: Program[];
  let balancer: Balancer;
  let gateway: Gateway;
  let env: Record<string, string>;
  const startNode = (index: number): Promise<Program> =>
    startProgram('src/main.ts', { ...env, PORT: String(ports[index]) }, /service started/);

  beforeAll(async () => {
    const place = await placeForGateway();
    ports = [await freePort(), await freePort()];
    env = {
      ...onSharedRedis(),
      HOST: '127.0.0.1',
      JWT_SECRET: SECRET,
      GATEWAY_SECRET,
      RATE_LIMIT_ENABLED: 'false',
      CALLBACK_ALLOWED_URLS: `${place.url}/callback`,
      DRAIN_WINDOW: '500ms',
    };
    nodes = [await startNode(0), await startNode(1)];
    balancer = await startBalancer(ports);
    gateway = await startGateway(place, balancer.url, { SUBSCRIPTION_MODE: mode, GATEWAY_SECRET });
  });
  afterAll(async () => {
    await gateway.close();
    await balancer.close();
    for (const node of nodes) await node.stop('SIGKILL');
  });

  /** Sends until it is stopped; each message until it is acknowledged, under the same id. */
  function writeInto(id: string, token: string): { sent(): number; stop(): Promise<void> } {
    let sent = 0;
    let isStopped = false;
    const send = 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { sequence } }';
    const write = async (): Promise<void> => {
      for (let n = 1; !isStopped; n += 1) {
        const input = { conversationId: id, content: `${n}`, clientMessageId: `message-${n}` };
        const { sequence } = await eventually(async (): Promise<Data> => {
          const { data, errors } = await gateway.query(token, send, { i: input });
          expect(errors).toBeUndefined();
          return data.sendMessage;
        });
        sent = sequence;
      }
    };
    const writing = write();
    return {
      sent: () => sent,
      async stop() {
        isStopped = true;
        await writing;
      },
    };
  }

  it('F51: every client receives every message', async () => {
    const id = newId();
    const alice = await tokenOf('alice');
    const create = 'mutation ($i: CreateConversationInput!) { createConversation(input: $i) { position } }';
    const { data } = await gateway.query(alice, create, { i: { id, memberIds: USERS } });
    const { position } = data.createConversation;
    const readers: GatewayReader[] = [];
    for (const user of USERS)
      for (let n = 0; n < STREAMS_EACH; n += 1)
        readers.push(new GatewayReader(gateway.url, await tokenOf(user), { id, position }));
    const writer = writeInto(id, alice);
    const caughtUp = async (): Promise<void> => {
      const goal = writer.sent() + BETWEEN;
      await eventually(() => {
        expect(readers.map(({ fault }) => fault).filter((fault) => fault !== null)).toEqual([]);
        for (const { sequences } of readers) expect(sequences.at(-1) ?? 0).toBeGreaterThanOrEqual(goal);
      });
    };
    try {
      await caughtUp();
      for (const [index, signal] of [
        [0, 'SIGTERM'],
        [1, 'SIGTERM'],
        [0, 'SIGKILL'],
      ] as const) {
        await nodes[index]?.stop(signal);
        await caughtUp();
        nodes[index] = await startNode(index);
        await caughtUp();
      }
    } finally {
      await writer.stop();
    }
    const all = Array.from({ length: writer.sent() }, (_, n) => n + 1);
    await eventually(() => {
      for (const { sequences } of readers) expect(sequences.at(-1)).toBe(all.length);
    });
    for (const reader of readers) await reader.stop();
    for (const { sequences, ends } of readers) {
      // Callback is at least once: an answer that was lost makes a message come twice.
      expect(mode === 'callback' ? [...new Set(sequences)] : sequences).toEqual(all);
      expect(ends.filter((end) => end !== 'SERVICE_UNAVAILABLE')).toEqual([]);
    }
    // Both nodes had streams, so that some of each user's have ended.
    expect(readers.flatMap(({ ends }) => ends).length).toBeGreaterThan(0);
  });
});
