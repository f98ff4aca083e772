/** A revocation while the bus was away: later events are not delivered to streams of the revoked tokens (G08). */
import { randomUUID } from 'node:crypto';
import { type Bearer, fixedBearer } from '../../src/access/bearer.ts';
import type { ClientPositions } from '../../src/delivery/conversations/client-positions.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { ConversationId, PublicationId, Topic } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, carol, createGroup, silentLog, subscribeRight, tenant, text, viewerOf } from '../support/world.ts';

const TOPIC = 'news' as Topic;
const FROM_NOW_ON: ClientPositions = new Map();

/**
 * Every kind of stream, and what it tells of a change that is made while the bus is away. A wish to stop
 * that was not heard is told with the next append instead.
 */
const STREAMS: Record<
  Exclude<keyof Delivery, 'messageStopped' | 'watchTokens' | 'forgetTokens' | 'lookAgain' | 'close'>,
  readonly [
    open: (delivery: Delivery, bearer: Bearer, id: ConversationId) => Promise<LiveStream<object>>,
    change: (engine: Engine, id: ConversationId) => Promise<unknown>,
  ]
> = {
  messageReceived: [(delivery, bearer) => delivery.messageReceived(bearer, null, FROM_NOW_ON), send],
  messageUpdated: [
    (delivery, bearer, id) => delivery.messageUpdated(bearer, [id], FROM_NOW_ON),
    async (engine, id) => {
      const sent = await send(engine, id);
      if (sent.outcome === 'appended') await engine.editMessage(tenant, sent.message.id, 'edited', null);
    },
  ],
  conversationUpdated: [(delivery, bearer) => delivery.conversationUpdated(bearer, null), send],
  typingIndicator: [
    (delivery, bearer) => delivery.typingIndicator(bearer, null),
    (engine, id) => engine.setTyping(tenant, id, alice, true),
  ],
  feed: [(delivery, bearer) => delivery.feed(bearer, FROM_NOW_ON, () => undefined, false), send],
  inboxStream: [
    async (delivery, bearer) => {
      const stream = await delivery.inboxStream(bearer, { checkpoint: null, positions: FROM_NOW_ON });
      // Its checkpoint, which is its own.
      await stream.next();
      return stream;
    },
    send,
  ],
  messageStreamed: [
    (delivery, bearer) => delivery.messageStreamed(bearer, null),
    (engine, id) => engine.startMessage(tenant, { ...text(id, alice, 'after'), isHeld: false }),
  ],
  presenceUpdated: [
    (delivery, bearer) => delivery.presenceUpdated(bearer, [alice]),
    (engine) => engine.setStatus(tenant, alice, 'BUSY', 'since'),
  ],
  topicPublished: [
    (delivery, bearer) => delivery.topicPublished(bearer, subscribeRight([TOPIC]), new Map()),
    (engine) =>
      engine.publish(tenant, { id: randomUUID() as PublicationId, topic: TOPIC, payload: 1, senderId: alice }),
  ],
};

function send(engine: Engine, id: ConversationId) {
  return engine.appendMessage(tenant, text(id, alice, 'after'));
}

/** Pushes what a stream tells into a list. */
function heardOf(stream: LiveStream<object>): unknown[] {
  const heard: unknown[] = [];
  stream.pipe({
    push: (event) => void heard.push(event),
    end: () => void heard.push('the end'),
    withdraw: () => undefined,
    isCongested: () => false,
    onRoom: (resume) => {
      resume();
      return () => undefined;
    },
  });
  heard.length = 0;
  return heard;
}

describe.each(Object.entries(STREAMS))(
  '%s, for a user whose tokens were revoked while the bus was away',
  (_, [open, change]) => {
    it.each([
      ['delivers nothing before the revocation is known, and then ends', true],
      ['delivers everything once it is known that they were not revoked', false],
    ])('%s', async (_title, isRefused) => {
      const clock = new TestClock();
      const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
      const flaky = unsteady(steady);
      let asked = 0;
      let answering = Promise.resolve();
      const engine: Engine = {
        ...flaky.engine,
        async readRefusal(...args) {
          const [, userId] = args;
          const answer = await flaky.engine.readRefusal(...args);
          if (userId === bob) {
            asked += 1;
            await answering;
          }
          return answer;
        },
      };
      const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 });
      const id = await createGroup(steady, alice, bob, carol);
      await steady.connect(tenant, alice, {
        connectionId: 'one' as never,
        deviceId: null,
        connectionType: 'SSE',
        sessionId: null,
      });
      const bearers = [bob, carol].map((user) => fixedBearer(viewerOf(user, { issuedAt: clock.now() })));
      const streams: LiveStream<object>[] = [];
      const heard: unknown[][] = [];
      const stops: (() => void)[] = [];
      for (const bearer of bearers) {
        const stream = await open(delivery, bearer, id);
        streams.push(stream);
        heard.push(heardOf(stream));
        const holder = { bearer, onTokenEnd: () => void stream.return() };
        await delivery.watchTokens(holder);
        stops.push(() => delivery.forgetTokens(holder));
      }
      asked = 0;
      const { promise, resolve } = Promise.withResolvers<void>();
      answering = promise;
      flaky.cut();
      if (isRefused) await steady.refuseTokens(tenant, bob, clock.now() + 1_000);
      await change(steady, id);
      flaky.heal();
      // Of the other user everything is known.
      await eventually(() => expect(heard[1]).not.toEqual([]));
      await eventually(() => expect(asked).toBe(1));
      expect(heard[0]).toEqual([]);
      resolve();
      const due = isRefused ? ['the end'] : heard[1];
      await eventually(() => expect(heard[0]).toEqual(due));
      for (const stop of stops) stop();
      for (const stream of streams) await stream.return();
      delivery.close();
      await steady.close();
    });
  },
);
