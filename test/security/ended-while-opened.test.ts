/**
 * Closed means closed, also for a peer that is still being opened: a peer of any transport ends while the engine owes
 * its opening an answer, each answer in turn (F43).
 */
import type { Engine } from '../../src/engine/port.ts';
import { eventually } from '../support/eventually.ts';
import { type HeldEngine, holdAnswers } from '../support/held-engine.ts';
import { metrics } from '../support/metrics.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { StillClock } from '../support/still-clock.ts';
import { ofClients } from './closing/of-clients.ts';
import { openPeer, type PeerClient, type Subject, TRANSPORTS, type TransportName } from './closing/peers.ts';
import { type Routers, startRouters } from './closing/routers.ts';

const GAUGES = ['realtime_connections', 'realtime_subscriptions', 'realtime_queued_bytes'] as const;
const TOKEN_MS = 300_000;
/** Each is opened in a way of its own; how the engine answers makes no difference to most. */
const SUBJECTS: Readonly<Record<string, readonly Subject[]>> = {
  embedded: ['all', 'inbox', 'topic', 'presence'],
  redis: ['all'],
};

type End = (peer: PeerClient, service: TestService) => void;

/** Its client's, and the service's own. A router has no connection that could end. */
const ENDS: Readonly<Record<string, End>> = {
  'TCP reset': (peer) => peer.reset(),
  'its client’s half close': (peer) => peer.halfClose(),
  'an expired token': (_, { clock }) => clock.advance(TOKEN_MS + 60_000),
};

/** What is listened to for clients, by kind. */
function countListening(engine: Engine): () => Record<string, number> {
  const counts = new Map<string, number>();
  const listen = engine.listen.bind(engine);
  const count = (kind: string, by: number): void => void counts.set(kind, (counts.get(kind) ?? 0) + by);
  Object.assign(engine, {
    async listen(...[channel, listener]: Parameters<typeof listen>) {
      const listening = await listen(channel, listener);
      count(channel.kind, 1);
      return {
        get heardAt() {
          return listening.heardAt;
        },
        close() {
          count(channel.kind, -1);
          return listening.close();
        },
      };
    },
  } satisfies Pick<Engine, 'listen'>);
  return () => ofClients(Object.fromEntries(counts));
}

describe.each(Object.entries(SUBJECTS))('engine %s: a peer that ends while it is being opened', (kind, subjects) => {
  let routers: Routers;
  let service: TestService;
  let engine: HeldEngine;
  let listening: () => Record<string, number>;
  let after: string;
  const clock = new StillClock();
  beforeAll(async () => {
    routers = await startRouters();
    const env = {
      CALLBACK_ALLOWED_URLS: routers.url,
      PRESENCE_GRACE: '0ms',
      CLIENT_TIMEOUT: '20h',
      HEARTBEAT_INTERVAL: '10h',
    };
    service = await startTestService({ env: { ...env, ...(kind === 'redis' ? onSharedRedis() : {}) }, clock });
    const create = 'mutation { createConversation(input: {id: "long", memberIds: ["bob"]}) { position } }';
    after = (await service.query('alice', create)).data.createConversation.position;
    await service.query('alice', 'mutation { sendMessage(input: {conversationId: "long", content: "m"}) { id } }');
    listening = countListening(service.service.engine);
    engine = holdAnswers(service.service.engine);
  });
  afterAll(async () => {
    await service.close();
    routers.close();
  });

  async function open(transport: TransportName, subject: Subject): Promise<PeerClient> {
    const expiresAt = Math.floor((clock.now() + TOKEN_MS) / 1_000);
    const token = await service.token('bob', { expiresAt });
    const asked = { token, conversationId: 'long', after, subject };
    if (transport === 'callback') return routers.open(service, asked);
    return openPeer(transport, { port: service.service.port }, asked);
  }

  async function left(timers: number): Promise<object> {
    const values = await metrics(service.url, GAUGES);
    const gauges = GAUGES.map((name, index) => [name, values[index]] as const);
    return {
      ...Object.fromEntries(gauges.filter(([, value]) => value !== 0)),
      ...listening(),
      timers: Math.max(clock.pending - timers, 0),
    };
  }

  it.each(TRANSPORTS.flatMap((transport) => subjects.map((subject) => [transport, subject] as const)))(
    'F43: %s, %s: nothing is left, after each of the answers it waited for',
    async (transport, subject) => {
      const timers = clock.pending;
      for (const [by, end] of Object.entries(ENDS)) {
        const waited: string[] = [];
        for (let isOpening = true; isOpening; ) {
          engine.hold(waited.length);
          const peer = await open(transport, subject);
          await eventually(() => expect(engine.held ?? peer.isAccepted).toBeTruthy());
          isOpening = engine.held !== null;
          if (engine.held) waited.push(engine.held);
          end(peer, service);
          // A turn of the service's, in which it is told.
          await metrics(service.url, GAUGES);
          engine.release();
          if (transport === 'callback') peer.leave();
          await eventually(async () => {
            clock.advance(1_000);
            expect({ by, behind: waited.join(), left: await left(timers) }).toEqual({
              by,
              behind: waited.join(),
              left: { timers: 0 },
            });
          });
          peer.reset();
        }
        expect(waited.length).toBeGreaterThan(0);
      }
    },
  );
});
