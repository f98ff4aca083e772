/** Streamed texts for readers who lag, and on nodes that have to read them again (G20). */
import { setImmediate as turn } from 'node:timers/promises';
import { Gate } from '../../src/delivery/back-pressure.ts';
import type { ConversationChannel } from '../../src/delivery/conversations/channel.ts';
import { Following } from '../../src/delivery/conversations/following.ts';
import { Merging } from '../../src/delivery/conversations/merging.ts';
import { WritingBoard } from '../../src/delivery/conversations/writing-board.ts';
import { type ExtendedText, WrittenMessage } from '../../src/delivery/conversations/written-message.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MessageId, MessageRecord } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';

/** What a reader has who was told these. */
const textOf = (events: readonly Pick<ExtendedText, 'offset' | 'text'>[]): string =>
  events.reduce((before, { offset, text: added }) => before.slice(0, offset) + added, '');

describe('a lagging reader of a streamed text', () => {
  const message = { id: 'm', conversationId: 'c', content: '', payload: null } as unknown as MessageRecord;

  /** One who is told of one message, whose socket is full while a test says so. */
  function open(isLive = true) {
    const written = new WrittenMessage(message, 0);
    const told: ExtendedText[] = [];
    const room = { isFull: false, gate: new Gate() };
    const position = { epoch: 'e', place: 0 };
    const channel = { id: 'c', position, isSettled: true, writings: { current: () => [written] } };
    const follower = {
      viewer: viewerOf(bob),
      onLeft: () => undefined,
      onAhead: () => undefined,
      onShown: () => undefined,
      onChannelEnd: () => undefined,
    };
    const queue = {
      push: (event: ExtendedText) => void told.push(event),
      isCongested: () => room.isFull,
      onRoom: (resume: () => void) => room.gate.add(resume),
    };
    const following = new Following<ExtendedText>(
      channel as unknown as ConversationChannel,
      follower,
      { extension: (_access, event) => event },
      queue,
      false,
    );
    following.admit({} as never, null);
    following.begin({ epoch: '', place: 0 });
    if (isLive) following.goLive({ epoch: 'e', place: 0 });
    // That there is a text.
    told.length = 0;
    let length = 0;
    return {
      following,
      written,
      told,
      room,
      append(added: string, payload?: unknown) {
        const offset = length;
        length += added.length;
        const more = payload === undefined ? {} : { payload };
        written.extend({ messageId: written.id, offset, text: added, length, ...more });
        const event = written.tell();
        if (event) following.onExtended(event, written);
      },
      replace(content: string, payload: unknown = null) {
        length = content.length;
        written.become({ content, payload: payload as never });
        const event = written.tell();
        if (event) following.onExtended(event, written);
      },
      /** There is room, and what waits for it is told behind the write that made it. */
      async makeRoom() {
        const before = told.length;
        room.isFull = false;
        room.gate.open();
        expect(told).toHaveLength(before);
        await turn();
      },
    };
  }

  it('receives nothing before going live, and then the whole text at once', () => {
    const { following, told, append } = open(false);
    append('one ');
    append('two ');
    expect(told).toEqual([]);
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.map(({ offset, text: added }) => [offset, added])).toEqual([[0, 'one two ']]);
    append('three');
    expect(told).toHaveLength(2);
    expect(textOf(told)).toBe('one two three');
  });

  it('receives the rest from their offset in one event once there is room', async () => {
    const { told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    append('three ');
    expect(told).toHaveLength(1);
    await makeRoom();
    expect(told.slice(1)).toMatchObject([{ offset: 4, text: 'two three ', length: 14 }]);
    append('four');
    expect(told.slice(2)).toMatchObject([{ offset: 14, text: 'four' }]);
  });

  it('receives no more text than the other readers', async () => {
    const { following, written, told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    written.extend({ messageId: written.id, offset: 8, text: 'three', length: 13 });
    await makeRoom();
    expect(told.at(-1)).toMatchObject({ offset: 4, text: 'two ', length: 8 });
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'one two ', length: 8 });
  });

  it('receives nothing out of order between the write that makes room and the next turn', async () => {
    const { told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    const isMade = makeRoom();
    append('three ');
    await isMade;
    append('four');
    expect(textOf(told)).toBe('one two three four');
    for (const [nth, { offset }] of told.entries()) expect(offset).toBe(textOf(told.slice(0, nth)).length);
  });

  it('receives a replaced text from the offset of the replacement', async () => {
    const { told, room, append, replace, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    replace('other ');
    append('words');
    await makeRoom();
    expect(textOf(told)).toBe('other words');
    expect(told.slice(1)).toMatchObject([{ offset: 0, text: 'other words' }]);
  });

  it('receives a payload that changed meanwhile; a new reader receives the latest one', async () => {
    const { following, told, room, append, replace, makeRoom } = open();
    append('one ', { step: 1 });
    expect(told).toMatchObject([{ offset: 0, payload: { step: 1 } }]);
    room.isFull = true;
    append('two ', { step: 2 });
    await makeRoom();
    expect(told.at(-1)).toMatchObject({ offset: 4, payload: { step: 2 } });
    append('three');
    // It is no news any more.
    expect(told.at(-1)).toMatchObject({ text: 'three', payload: null });
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'one two three', payload: { step: 2 } });
    // All of it is told anew.
    replace('other', { step: 2 });
    expect(told.at(-1)).toMatchObject({ offset: 0, text: 'other', payload: { step: 2 } });
    replace('other', null);
    following.goLive({ epoch: 'e', place: 0 });
    expect(told.at(-1)).toMatchObject({ offset: 0, payload: null });
  });

  it('receives the text of an edit or a deletion, and none of what it replaced', async () => {
    for (const [change, content] of [
      ['EDITED', 'other'],
      ['DELETED', ''],
    ] as const) {
      const { following, told, room, append, makeRoom } = open();
      append('one ');
      room.isFull = true;
      append('two ');
      following.onMessage(change, { ...message, content, position: { epoch: 'e', place: 1 } });
      await makeRoom();
      expect(told.slice(1)).toMatchObject([{ offset: 0, text: content, length: content.length }]);
    }
  });

  it('receives nothing after leaving, though room is made', async () => {
    const { following, told, room, append, makeRoom } = open();
    append('one ');
    room.isFull = true;
    append('two ');
    following.close();
    expect(room.gate.isWaitedFor).toBe(false);
    await makeRoom();
    append('three');
    expect(told).toHaveLength(1);
  });
});

describe('streamed texts that have to be read again', () => {
  const RETRY_MS = 250;
  const stored = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new StillClock() });
  afterAll(() => stored.close());

  /** A board of one message, whose readings wait until a test answers them. */
  async function open() {
    const clock = new StillClock();
    const id: ConversationId = await createGroup(stored, alice, bob);
    const started = await stored.startMessage(tenant, { ...text(id, alice, 'a'), isHeld: false });
    if (started.outcome !== 'appended') throw new Error(started.outcome);
    const messageId: MessageId = started.message.id;
    const readings: PromiseWithResolvers<void>[] = [];
    const errors: unknown[] = [];
    const told: ExtendedText[] = [];
    const board = new WritingBoard({
      engine: {
        ...stored,
        async listWritings(...args) {
          const answered = Promise.withResolvers<void>();
          readings.push(answered);
          const page = await stored.listWritings(...args);
          await answered.promise;
          return page;
        },
      },
      clock,
      log: { ...silentLog, error: (...args: unknown[]) => void errors.push(args) } as typeof silentLog,
      merging: new Merging(clock, 0),
      tenant,
      id,
      tell: (event) => void told.push(event),
    });
    const settle = async (): Promise<void> => {
      for (let n = 0; n < 5; n += 1) await turn();
    };
    /** So many were begun, which may take a turn, and no more. */
    const begun = async (count: number): Promise<void> => {
      await eventually(() => expect(readings.length).toBeGreaterThanOrEqual(count));
      await settle();
      expect(readings).toHaveLength(count);
    };
    const answer = async (error?: Error): Promise<void> => {
      if (error) readings.at(-1)?.reject(error);
      else readings.at(-1)?.resolve();
      await settle();
    };
    const opened = board.open();
    await begun(1);
    await answer();
    await opened;
    // Who begins is told this.
    told.push(...[...board.current()].map((written) => written.since({ length: 0, units: 0 })));
    let length = 1;
    return {
      board,
      clock,
      readings,
      begun,
      errors,
      told,
      answer,
      /** Stores what is added, and announces it unless it is lost. */
      async append(added: string, { hasEnded = false, payload = undefined as unknown } = {}) {
        const offset = length;
        length += added.length;
        const next = { senderId: alice, offset, text: added, payload, paceMs: 0 };
        expect(await stored.appendText(tenant, messageId, next)).toMatchObject({ outcome: 'appended' });
        if (!hasEnded) board.extend({ messageId, offset, text: added, length, payload });
      },
    };
  }

  it('are read until that succeeds; an outage is not logged as an error', async () => {
    const { board, clock, begun, errors, told, answer, append } = await open();
    await append('b', { hasEnded: true });
    await append('c');
    await begun(2);
    await answer(unavailable(new Error('away')));
    clock.advance(RETRY_MS - 1);
    await begun(2);
    expect(errors).toEqual([]);
    clock.advance(1);
    await begun(3);
    await answer(new Error('broken'));
    expect(errors).toHaveLength(1);
    clock.advance(RETRY_MS);
    await begun(4);
    await answer();
    expect(textOf(told)).toBe('abc');
    clock.advance(RETRY_MS);
    await begun(4);
    board.close();
  });

  it('are read after a delay when more was announced during a read than is kept', async () => {
    const { board, clock, begun, told, answer, append } = await open();
    await append('b', { hasEnded: true });
    await append('c');
    await begun(2);
    const filling = 'x'.repeat(LIMITS.payloadBytes / 2);
    for (let n = 0; n <= (2 * LIMITS.queuedEventBytes) / LIMITS.payloadBytes; n += 1)
      await append('d', { payload: { filling, n } });
    const all = `abc${'d'.repeat(1 + (2 * LIMITS.queuedEventBytes) / LIMITS.payloadBytes)}`;
    await answer();
    await begun(2);
    // Kept for the next reading.
    await append('e');
    await begun(2);
    clock.advance(RETRY_MS);
    await begun(3);
    await answer();
    expect(textOf(told)).toBe(`${all}e`);
    board.close();
  });

  it('are not read while access is in doubt or without readers, and read once when access is known', async () => {
    const { board, clock, readings, begun, errors, told, answer, append } = await open();
    await append('b', { hasEnded: true });
    await append('c');
    await begun(2);
    await answer(unavailable(new Error('away')));
    board.doubt();
    clock.advance(RETRY_MS);
    await begun(2);
    board.trust();
    clock.advance(RETRY_MS);
    await begun(3);
    // Of one that is not taken any more the end is nothing to go by.
    const [older] = readings.slice(-1);
    board.doubt();
    board.trust();
    await begun(4);
    older?.reject(new Error('broken'));
    await answer();
    clock.advance(RETRY_MS);
    await begun(4);
    expect([errors, textOf(told)]).toEqual([[], 'abc']);
    await append('d', { hasEnded: true });
    await append('e');
    await begun(5);
    await answer(unavailable(new Error('away')));
    board.close();
    clock.advance(RETRY_MS);
    await begun(5);
  });
});
