/**
 * Late and failing answers of the engine. A replay that a failure interrupts continues at its place, and its stream
 * stays open (G06, G14). An old answer is not delivered after a newer one.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { eventWithAccess } from '../../src/delivery/conversations/access-ended.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Announcement, Engine } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StreamedTexts } from '../support/streamed-text.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

const PAGES = 3;
const MESSAGES = LIMITS.logPage * PAGES - 1;
/** A page is read, and who may see it, and the next. */
const CALLS = PAGES * 2;

describe('a replay while the engine is away', () => {
  const cases = Array.from({ length: CALLS }, (_, skipped) => [skipped]);

  it.each(cases)('G06: continues when the engine fails after %i of its calls', async (skipped) => {
    const clock = new TestClock();
    const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    const flaky = unsteady(steady);
    const delivery = createDelivery({
      engine: flaky.engine,
      clock,
      log: silentLog,
      countGap: () => undefined,
      streamMergeMs: 40,
    });
    const id = await createGroup(steady, alice, bob);
    const [conversation] = await steady.readConversations(tenant, [id]);
    for (let n = 1; n <= MESSAGES; n += 1) await steady.appendMessage(tenant, text(id, alice, `${n}`));
    const after = conversation ? new Map([[id, conversation.position]]) : new Map();
    const stream = await delivery.messageReceived(fixedBearer(viewerOf(bob)), [id], after);
    const heard: number[] = [];
    let ended = false;
    flaky.fail(2, skipped);
    stream.pipe({
      push: (told) => void heard.push(eventWithAccess(told).sequence),
      end: () => {
        ended = true;
      },
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: (resume) => {
        resume();
        return () => undefined;
      },
    });
    await eventually(() => {
      clock.advance(1_000);
      expect(heard).toHaveLength(MESSAGES);
    });
    await steady.appendMessage(tenant, text(id, alice, 'live'));
    await eventually(() => expect(heard).toEqual(Array.from({ length: MESSAGES + 1 }, (_, n) => n + 1)));
    expect(ended).toBe(false);
    await stream.return();
    delivery.close();
    await steady.close();
  });
});

describe('outdated answers of the engine', () => {
  const clock = new TestClock();
  const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const flaky = unsteady(steady);
  /** Of the next call of an operation, or one behind it, the answer waits, and so do announcements, in their order. */
  let late: { readonly operation: keyof Engine; behind: number; readonly until: Promise<void> } | null = null;
  let announced: (() => void)[] | null = null;
  let hasLostItsEnd = false;
  const engine = new Proxy(flaky.engine, {
    get: (target, name: keyof Engine) => {
      if (name === 'listen') {
        return (...[channel, listener]: Parameters<Engine['listen']>) =>
          target.listen(channel, {
            onInterrupted: () => listener.onInterrupted(),
            onAnnouncement(announcement: Announcement) {
              if (announced) announced.push(() => listener.onAnnouncement(announcement));
              else listener.onAnnouncement(announcement);
            },
          });
      }
      if (name === 'readLog' && hasLostItsEnd) return async () => ({ outcome: 'expired', reason: 'DIVERGED' });
      if (late?.operation !== name || late.behind-- > 0) return target[name];
      const { until } = late;
      late = null;
      return async (...args: never[]) => {
        const answer = await (target[name] as (...given: never[]) => Promise<unknown>)(...args);
        await until;
        return answer;
      };
    },
  });
  const delivery = createDelivery({ engine, clock, log: silentLog, countGap: () => undefined, streamMergeMs: 0 });
  const reader = fixedBearer(viewerOf(bob));
  afterAll(() => {
    delivery.close();
    return steady.close();
  });

  const settled = async (): Promise<void> => {
    for (let n = 0; n < 5; n += 1) await turn();
  };
  function delay(operation: keyof Engine, behind = 0): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    late = { operation, behind, until: promise };
    return () => {
      resolve();
      return settled();
    };
  }
  async function interrupt(): Promise<void> {
    flaky.cut();
    flaky.heal();
    await settled();
  }
  const endOf = (stream: LiveStream<object>): Promise<unknown> =>
    new Promise((resolve) => {
      stream.pipe({
        push: () => undefined,
        end: resolve,
        withdraw: () => undefined,
        isCongested: () => false,
        onRoom: () => () => undefined,
      });
    });
  function heardOf<Event extends object>(stream: LiveStream<Event>): Event[] {
    const heard: Event[] = [];
    stream.pipe({
      push: (event) => void heard.push(event),
      end: () => undefined,
      withdraw: () => undefined,
      isCongested: () => false,
      onRoom: () => () => undefined,
    });
    return heard;
  }

  it.each([
    ['messageReceived', (id: ConversationId) => delivery.messageReceived(reader, [id], new Map())],
    ['messageUpdated', (id: ConversationId) => delivery.messageUpdated(reader, [id], new Map())],
    ['conversationUpdated', (id: ConversationId) => delivery.conversationUpdated(reader, [id])],
    ['typingIndicator', (id: ConversationId) => delivery.typingIndicator(reader, [id])],
    ['messageStreamed', (id: ConversationId) => delivery.messageStreamed(reader, [id])],
  ])(
    '%s that opens while the log loses its end is refused with POSITION_EXPIRED, not as an unknown conversation',
    async (_, open) => {
      const id = await createGroup(steady, alice, bob);
      // The first call asks which channels are to be opened.
      const answer = delay('readMemberships', 1);
      const opened: Promise<LiveStream<object>> = open(id);
      const end = opened.then(endOf, (error: unknown) => error);
      await settled();
      hasLostItsEnd = true;
      await interrupt();
      hasLostItsEnd = false;
      await answer();
      expect(await end).toMatchObject({ code: 'POSITION_EXPIRED' });
    },
  );

  it('a stream that finds a loss in its log while it opens ends, and the next one receives events', async () => {
    const id = await createGroup(steady, alice, bob);
    const answer = delay('readConversations');
    const opening = delivery.conversationUpdated(reader, [id]);
    await settled();
    hasLostItsEnd = true;
    await interrupt();
    await answer();
    hasLostItsEnd = false;
    expect(await opening.then(endOf)).toMatchObject({ code: 'POSITION_EXPIRED' });
    const heard = heardOf(await delivery.conversationUpdated(reader, [id]));
    await steady.renameConversation(tenant, id, 'renamed');
    await settled();
    expect(heard.at(-1)).toMatchObject({ name: 'renamed' });
  });

  it.each([
    ['stopped', false, (id: ConversationId) => steady.setTyping(tenant, id, alice, false)],
    ['sent a message', false, (id: ConversationId) => steady.appendMessage(tenant, text(id, alice, 'typed'))],
    ['started typing', true, (id: ConversationId) => steady.setTyping(tenant, id, alice, true)],
  ])('a late read does not replace a newer typing state: the user %s (isTyping: %s)', async (_, isTyping, change) => {
    const id = await createGroup(steady, alice, bob);
    const stream = await delivery.typingIndicator(reader, [id]);
    const heard = heardOf(stream);
    if (!isTyping) await steady.setTyping(tenant, id, alice, true);
    // A message of the same millisecond could be taken for an earlier one.
    clock.advance(10);
    const answer = delay('readTyping');
    await interrupt();
    await change(id);
    expect(heard.at(-1)).toMatchObject({ isTyping });
    await answer();
    expect(heard.at(-1)).toMatchObject({ isTyping });
    await stream.return();
  });

  it('a late announcement of a conversation does not lower its lastSequence', async () => {
    const id = await createGroup(steady, alice, bob);
    const stream = await delivery.conversationUpdated(reader, [id]);
    const heard = heardOf(stream);
    const held: (() => void)[] = [];
    announced = held;
    for (const content of ['lost', 'heard']) await steady.appendMessage(tenant, text(id, alice, content));
    await steady.renameConversation(tenant, id, 'renamed');
    await steady.appendMessage(tenant, text(id, alice, 'read from the log'));
    announced = null;
    const [, second, ...others] = held;
    second?.();
    await settled();
    for (const each of others) each();
    expect(heard.at(-1)).toMatchObject({ name: 'renamed', lastSequence: 3 });
    await stream.return();
  });

  it.each([
    [
      'its end',
      'Bye',
      async (id: MessageId) => {
        const end = { senderId: alice, state: 'COMPLETE', length: null, content: 'Bye', payload: undefined } as const;
        await steady.finishMessage(tenant, id, end);
      },
    ],
    [
      'a newer read and an append',
      'Hello you',
      async (id: MessageId) => {
        await interrupt();
        const more = { senderId: alice, offset: 5, text: ' you', payload: undefined, paceMs: 0 };
        await steady.appendText(tenant, id, more);
      },
    ],
  ])('an old read of a text is not delivered after %s', async (_, told, change) => {
    const id = await createGroup(steady, alice, bob);
    const stream = await delivery.messageStreamed(reader, [id]);
    const heard = heardOf(stream);
    const started = await steady.startMessage(tenant, { ...text(id, alice, 'Hello'), isHeld: false });
    if (started.outcome !== 'appended') throw new Error(started.outcome);
    const answer = delay('listWritings');
    clock.advance(TIMES.writingMs / 2);
    await settled();
    await change(started.message.id);
    await settled();
    const before = heard.length;
    await answer();
    expect(heard.slice(before)).toEqual([]);
    const texts = new StreamedTexts();
    for (const event of heard) texts.take(eventWithAccess(event));
    expect([texts.of(started.message.id), texts.faults]).toEqual([told, []]);
    await stream.return();
  });
});
