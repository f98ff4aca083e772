/** Streamed texts on nodes that have to read them again (G20). */
import { setImmediate as turn } from 'node:timers/promises';
import { Merging } from '../../src/delivery/conversations/merging.ts';
import { WritingBoard } from '../../src/delivery/conversations/writing-board.ts';
import type { ExtendedText } from '../../src/delivery/conversations/written-message.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { unavailable } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { type ConversationId, type MessageId, WITHHELD } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, createGroup, silentLog, tenant, text } from '../support/world.ts';

/** What a reader has who was told these. */
const textOf = (events: readonly Pick<ExtendedText, 'offset' | 'text'>[]): string =>
  events.reduce((before, { offset, text: added }) => before.slice(0, offset) + added, '');

describe('streamed texts that have to be read again', () => {
  const RETRY_MS = 250;
  const stored = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: new StillClock() });
  afterAll(() => stored.close());

  /** A board of one message, whose readings wait until a test answers them. */
  async function open(mergeMs = 0) {
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
      merging: new Merging(clock, mergeMs),
      tenant,
      id,
      deliver: (event) => void told.push(event),
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
      started: started.message,
      messageId,
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
    // What fits behind the answer needs no other read.
    await append('d');
    await answer();
    expect(textOf(told)).toBe('abcd');
    clock.advance(RETRY_MS);
    await begun(4);
    board.close();
  });

  it('are not read, and keep their text, when the log shows their beginning or a change of them once more', async () => {
    const { board, started, begun, told, append } = await open();
    told.length = 0;
    await append('b');
    board.sent(started);
    board.changed(started);
    await append('c');
    await begun(1);
    expect(told.map(({ offset, text: added }) => `${offset} ${added}`)).toEqual(['1 b', '2 c']);
    board.close();
  });

  it('are not told while access is in doubt, though they were announced before', async () => {
    const mergeMs = 40;
    const { board, clock, told, begun, answer, append } = await open(mergeMs);
    await append('b');
    clock.advance(mergeMs);
    await append('c');
    board.doubt();
    clock.advance(mergeMs);
    expect(textOf(told)).toBe('ab');
    board.trust();
    await begun(2);
    await answer();
    clock.advance(mergeMs);
    expect(textOf(told)).toBe('abc');
    board.close();
  });

  it('are read when a text is withheld from now on', async () => {
    const { board, begun, messageId } = await open();
    board.extend({ messageId, ...WITHHELD });
    await begun(2);
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

  it('are known when they begin during the read, whose page does not show them', async () => {
    const { started, begun, answer, board, clock } = await open();
    clock.advance(TIMES.writingMs / 2);
    await begun(2);
    board.sent({ ...started, id: 'later' as MessageId });
    await answer();
    expect([...board.current()].map(({ id }) => id)).toEqual([started.id, 'later']);
    board.close();
  });

  it('do not return when they ended during the read, whose page or announcements still show them', async () => {
    const { begun, answer, board, clock } = await open();
    const later = { ...(await open()).started, id: 'later' as MessageId };
    clock.advance(TIMES.writingMs / 2);
    await begun(2);
    board.sent(later);
    const { state: _, ...complete } = later;
    board.changed(complete);
    await answer();
    expect([...board.current()].map(({ id }) => id)).not.toContain('later');
    board.close();
  });

  it('are read as soon as a writer has been silent for too long', async () => {
    const { begun, answer, clock, board } = await open();
    const SILENCE_MS = TIMES.writingMs + 1_000;
    // Readings follow at half the time, at the time, and at this moment.
    for (const [nth, atMs] of [TIMES.writingMs / 2, TIMES.writingMs, SILENCE_MS].entries()) {
      clock.advance(atMs - clock.elapsed() - 1);
      await begun(nth + 1);
      clock.advance(1);
      await begun(nth + 2);
      await answer();
    }
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
