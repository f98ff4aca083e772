/** A replay of a log to one reader, the pages that replays share, and the conversations to which access ended. */

import { Gate, resumeNow } from '../../src/delivery/back-pressure.ts';
import { type AccessEnded, AccessEnds, eventWithAccess } from '../../src/delivery/conversations/access-ended.ts';
import type { ConversationChannel } from '../../src/delivery/conversations/channel.ts';
import { asServiceError, Replay, type ReplayTarget } from '../../src/delivery/conversations/replay.ts';
import { SharedLog, sizeOfPage } from '../../src/delivery/conversations/shared-log.ts';
import { isPast } from '../../src/delivery/past.ts';
import { ReplayMemory } from '../../src/delivery/replay-memory.ts';
import type { LogEntry, LogPage } from '../../src/engine/port.ts';
import { ServiceError } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageRecord, Position, Retention } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, createGroup, newConversationId, sendText, tenant } from '../support/world.ts';
import { AWAY } from './listening.ts';
import { TappedEngine } from './tapped-engine.ts';

const characters = (page: LogPage): number => sizeOfPage(page);

describe('the size of a page', () => {
  const head = { epoch: 'e', place: 1 };
  const pageOf = (...messages: readonly (Partial<MessageRecord> | null)[]): LogPage => ({
    outcome: 'read',
    isWhole: true,
    head,
    entries: messages.map(
      (message) => ({ message: message && { content: '', payload: null, ...message } }) as LogEntry,
    ),
  });

  it('grows with texts and payloads, and each entry has a size of its own', () => {
    const [empty, one, two] = [pageOf(), pageOf(null), pageOf(null, null)].map(characters) as [number, number, number];
    expect([empty, two - one, one - empty > 100]).toEqual([1, one - empty, true]);
    const plain = characters(pageOf({}));
    const more = 'x'.repeat(1_000);
    expect(characters(pageOf({ content: more })) - plain).toBe(1_000);
    expect(characters(pageOf({ payload: more })) - plain).toBe(1_000 - 'null'.length);
    expect(characters(pageOf({ payload: { more } })) - plain).toBeGreaterThanOrEqual(1_000 - 'null'.length);
    expect(characters(pageOf({ payload: { more } })) - plain).toBeLessThan(1_100);
    expect(characters({ outcome: 'not-found' })).toBe(1);
  });
});

async function open(retention: Retention = null) {
  const tap = new TappedEngine(retention);
  const id = await createGroup(tap.steady, alice, bob);
  const log = new SharedLog(tap.engine, tap.clock);
  const say = (content: string): Promise<MessageRecord> => sendText(tap.steady, id, alice, content);
  const headOf = async (): Promise<Position> => (await say('first')).position;
  return { tap, id, log, say, headOf };
}

describe('a shared log', () => {
  it('reads a page once for all who ask for the same at about the same time', async () => {
    const { tap, id, log, say, headOf } = await open();
    const after = await headOf();
    const { position: channel } = await say('one');
    const stretch = { tenant, id, after, channel };
    const pages = await Promise.all([log.read(stretch), log.read(stretch)]);
    pages.push(await log.read({ ...stretch }));
    expect([new Set(pages).size, tap.countOf('readLog')]).toEqual([1, 1]);
    const [page] = pages;
    if (page?.outcome !== 'read') throw new Error('not read');
    expect(page.entries.map(({ message }) => message && [message.content, isPast(message)])).toEqual([['one', true]]);
    // Another place of the reader or of the channel is another page.
    await log.read({ ...stretch, after: { ...after, place: after.place - 1 } });
    await log.read({ ...stretch, after: { ...after, epoch: 'other' } });
    await log.read({ ...stretch, channel: { ...channel, place: channel.place + 1 } });
    await log.read({ ...stretch, channel: { ...channel, epoch: 'other' } });
    await log.read({ ...stretch, id: newConversationId() });
    expect(tap.countOf('readLog')).toBe(6);
    tap.clock.advance(TIMES.sharedLogMs + 1);
    // The cache looks at the clock once in a millisecond.
    await eventually(async () => {
      await log.read(stretch);
      expect(tap.countOf('readLog')).toBe(7);
    });
  });

  it('keeps no page after it is closed', async () => {
    const { id, tap, log, say, headOf } = await open();
    const stretch = { tenant, id, after: await headOf(), channel: (await say('one')).position };
    await log.read(stretch);
    log.close();
    await log.read(stretch);
    expect(tap.countOf('readLog')).toBe(2);
  });

  it('keeps no failure', async () => {
    const { tap, id, log, headOf } = await open();
    const after = await headOf();
    tap.failNext('readLog', AWAY);
    const stretch = { tenant, id, after, channel: after };
    await expect(log.read(stretch)).rejects.toBe(AWAY);
    expect(await log.read(stretch)).toMatchObject({ outcome: 'read', entries: [] });
  });
});

describe('a replay', () => {
  async function replaying({ retention = null as Retention, before = 0 } = {}) {
    const parts = await open(retention);
    const { tap, id, log, say, headOf } = parts;
    const after = await headOf();
    for (let nth = 1; nth <= before; nth += 1) await say(`${nth}`);
    const heard: string[] = [];
    const live: Position[] = [];
    const room = { isFull: false, gate: new Gate() };
    const state = { isOpen: true, confirmed: 0 };
    const channel = { tenant, id, position: after };
    const memory = new ReplayMemory();
    const target: ReplayTarget = {
      onMessage: (change, { content }) => void heard.push(`${change} ${content}`),
      confirm: async () => {
        state.confirmed += 1;
      },
      room: {
        isCongested: () => room.isFull,
        onRoom: (resume) => (room.isFull ? room.gate.add(resume) : resumeNow(resume)),
      },
      memory,
      isOpen: () => state.isOpen,
    };
    const replay = new Replay(log, channel as unknown as ConversationChannel, after, target);
    const run = (): Promise<void> => replay.run((cursor) => void live.push(cursor));
    return { ...parts, after, head: after, target, heard, live, room, state, channel, memory, replay, run, tap };
  }

  it('delivers up to the head, after it checked the membership, and then goes live', async () => {
    const { heard, live, state, run, say, after, replay, tap } = await replaying({ before: 2 });
    expect(await replay.prepare()).toBeNull();
    await say('not on the page that was read');
    await run();
    expect([heard, live, state.confirmed]).toEqual([['SENT 1', 'SENT 2'], [{ ...after, place: after.place + 2 }], 1]);
    expect(tap.countOf('readLog')).toBe(1);
  });

  it('goes on until it reached the channel', async () => {
    const { tap, id, heard, live, channel, run, say, replay } = await replaying({ before: 1 });
    await replay.prepare();
    channel.position = (await say('2')).position;
    await run();
    expect([heard, live, tap.countOf('readLog')]).toEqual([['SENT 1', 'SENT 2'], [channel.position], 2]);
    expect(id).toBe(channel.id);
  });

  it('delivers only the last change of a message, and its sending', async () => {
    const { tap, heard, run, say } = await replaying();
    const { id } = await say('a');
    await tap.steady.editMessage(tenant, id, 'b', null);
    await tap.steady.editMessage(tenant, id, 'c', null);
    await run();
    expect(heard).toEqual(['SENT c', 'EDITED c']);
  });

  it('waits for room, and ends with its stream', async () => {
    const { heard, live, room, state, run, memory } = await replaying({ before: 2 });
    room.isFull = true;
    const over = run();
    await eventually(() => expect(room.gate.isWaitedFor).toBe(true));
    expect(heard).toEqual([]);
    state.isOpen = false;
    room.gate.open();
    await over;
    expect([heard, live, memory.reserve(LIMITS.bufferedLogCharacters)]).toEqual([[], [], true]);
  });

  it('ends when a message that it is to deliver is gone', async () => {
    const { id, head, target, channel } = await replaying();
    const page = { outcome: 'read', isWhole: true, head, entries: [{ change: 'SENT', message: null, isLast: true }] };
    const log = { read: async () => page } as unknown as SharedLog;
    const replay = new Replay(log, channel as unknown as ConversationChannel, head, target);
    const expired = { code: 'POSITION_EXPIRED', reason: 'RETENTION', of: { conversationId: id } };
    await expect(replay.run(() => undefined)).rejects.toMatchObject(expired);
  });

  it('ends when its reader is found to be no member', async () => {
    const { heard, live, state, run, replay } = await replaying({ before: 1 });
    await replay.prepare();
    Object.defineProperty(state, 'confirmed', {
      set: () => {
        state.isOpen = false;
      },
      get: () => 0,
    });
    await run();
    expect([heard, live]).toEqual([[], []]);
  });

  it('reads a page in its turn when the stream holds too much, and holds nothing then', async () => {
    const { tap, heard, run, memory, replay } = await replaying({ before: 1 });
    memory.reserve(LIMITS.bufferedLogCharacters);
    await replay.prepare();
    await run();
    expect(heard).toEqual(['SENT 1']);
    memory.release(LIMITS.bufferedLogCharacters);
    expect([memory.reserve(LIMITS.bufferedLogCharacters), tap.countOf('readLog')]).toEqual([true, 1]);
  });

  it('releases what it holds when it is closed', async () => {
    const { memory, replay } = await replaying({ before: 1 });
    await replay.prepare();
    expect(memory.reserve(LIMITS.bufferedLogCharacters)).toBe(false);
    replay.close();
    replay.close();
    expect([memory.reserve(LIMITS.bufferedLogCharacters), memory.reserve(1)]).toEqual([true, false]);
  });

  it('refuses a position that has expired before anything is delivered', async () => {
    const { id, heard, replay } = await replaying({ retention: 1, before: 3 });
    const expired = { code: 'POSITION_EXPIRED', reason: 'RETENTION', of: { conversationId: id } };
    await expect(replay.prepare()).rejects.toMatchObject(expired);
    expect(await replay.prepare(true)).toMatchObject({ code: 'POSITION_EXPIRED' });
    expect(heard).toEqual([]);
  });

  it('refuses a conversation that is gone, also when it is forgiving', async () => {
    const { tap, id, replay } = await replaying({ before: 1 });
    await tap.steady.deleteConversation(tenant, id, null);
    await expect(replay.prepare(true)).rejects.toMatchObject({ code: 'NOT_FOUND', of: { conversationId: id } });
    tap.failNext('readLog', AWAY);
    tap.clock.advance(TIMES.sharedLogMs + 1);
    await eventually(() => expect(replay.prepare(true)).rejects.toBe(AWAY));
  });
});

describe('the conversations to which access ended', () => {
  const [one, two, three] = ['1', '2', '3'] as unknown as readonly [ConversationId, ConversationId, ConversationId];
  const codeOf = (work: () => void): unknown => {
    try {
      work();
      return null;
    } catch (error) {
      return error instanceof ServiceError ? [error.code, error.of] : error;
    }
  };

  it('are told once, if the reader had a position and others are left', () => {
    const told: AccessEnded[] = [];
    const losses = new AccessEnds({ push: (lost) => void told.push(lost) });
    losses.reportMissing([one], new Set([one]), new Set());
    expect(told).toEqual([]);
    losses.reportMissing([one, two], new Set([one]), new Set([two]));
    losses.reportMissing([one, two], new Set([one]), new Set([two]));
    losses.reportMissing([one, two], new Set([one]), new Set());
    expect(told.map(({ error }) => [error.code, error.of])).toEqual([['FORBIDDEN', { conversationId: two }]]);
    expect(codeOf(() => eventWithAccess(told[0] as AccessEnded))).toEqual(['FORBIDDEN', { conversationId: two }]);
    losses.report(three);
    losses.reportMissing([one, two, three], new Set([one]), new Set());
    expect(told).toHaveLength(2);
    const event = { an: 'event' };
    expect(eventWithAccess(event)).toBe(event);
  });

  it('refuse the stream without a position, or when none is left', () => {
    const losses = new AccessEnds({ push: () => undefined });
    const refused = (id: ConversationId) => ['NOT_FOUND', { conversationId: id }];
    expect(codeOf(() => losses.reportMissing([one, two], new Set([one]), new Set()))).toEqual(refused(two));
    expect(codeOf(() => losses.reportMissing([one, two], new Set(), new Set([one, two])))).toEqual(refused(one));
    expect(codeOf(() => losses.reportMissing([one, two, three], new Set([one]), new Set([two])))).toEqual(
      refused(three),
    );
  });
});

it('an error that is no error of the service is masked, and keeps its cause', () => {
  const cause = new Error('broken');
  expect(asServiceError(cause)).toMatchObject({ code: 'INTERNAL_SERVER_ERROR', cause });
  expect(asServiceError(AWAY)).toBe(AWAY);
});
