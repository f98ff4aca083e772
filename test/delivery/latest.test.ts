/** The newest known state of something, by versions, across interruptions. */

import { furthest, isSame } from '../../src/delivery/conversations/client-positions.ts';
import { ConversationState } from '../../src/delivery/conversations/conversation-state.ts';
import { Latest } from '../../src/delivery/latest.ts';
import type { ConversationRecord, MessageRecord } from '../../src/model.ts';

describe('the newest state', () => {
  const of = (version: number, name = '') => ({ version, name });

  it('is never replaced by an older or equal version', () => {
    const latest = new Latest<ReturnType<typeof of>>();
    expect(latest.current).toBeNull();
    const taken = [2, 1, 2, 3, 3].map((version, nth) => latest.take(of(version, String(nth))));
    expect(taken).toEqual([true, false, false, true, false]);
    expect(latest.current).toEqual(of(3, '3'));
  });

  it('is replaced by a lower version after a doubt, once', () => {
    const latest = new Latest<ReturnType<typeof of>>();
    latest.take(of(5));
    latest.doubt();
    expect([latest.take(of(2)), latest.take(of(1)), latest.current]).toEqual([true, false, of(2)]);
    // The same version again ends the doubt: nothing was lost.
    latest.doubt();
    expect([latest.take(of(2)), latest.take(of(1)), latest.current]).toEqual([false, false, of(2)]);
  });

  it('is what a read answers, unless a later read was answered before', () => {
    const latest = new Latest<ReturnType<typeof of>>();
    const [first, second, third] = [latest.reading(), latest.reading(), latest.reading()];
    expect([second(of(2)), first(of(9)), latest.current]).toEqual([true, false, of(2)]);
    expect([third(of(3)), latest.current]).toEqual([true, of(3)]);
  });

  it('is not taken from a read that began before a doubt, unless nothing is known', () => {
    const latest = new Latest<ReturnType<typeof of>>();
    const first = latest.reading();
    latest.doubt();
    expect([first(of(7)), latest.current]).toEqual([true, of(7)]);
    const second = latest.reading();
    latest.doubt();
    expect([second(of(8)), latest.current]).toEqual([false, of(7)]);
    // The doubt goes on.
    expect([latest.reading()(of(3)), latest.current]).toEqual([true, of(3)]);
  });

  it('is amended in its version', () => {
    const latest = new Latest<ReturnType<typeof of>>();
    latest.take(of(2, 'before'));
    latest.amend(of(2, 'after'));
    expect([latest.current, latest.take(of(2))]).toEqual([of(2, 'after'), false]);
  });
});

describe('the state of a conversation', () => {
  const position = (place: number, epoch = 'e') => ({ epoch, place });
  const of = (version: number, lastSequence: number, epoch = 'e') =>
    ({
      version,
      lastSequence,
      lastActivityAt: lastSequence,
      position: position(lastSequence, epoch),
    }) as unknown as ConversationRecord;
  const message = (sequence: number, epoch = 'e') =>
    ({ sequence, timestamp: sequence * 10, position: position(sequence + 100, epoch) }) as unknown as MessageRecord;

  it('has the last message that was sent, whatever is announced late', () => {
    const state = new ConversationState();
    expect([state.sent(message(3)), state.current]).toEqual([false, null]);
    expect(state.take(of(1, 2))).toBe(true);
    const sent = { lastSequence: 3, lastActivityAt: 30, position: position(103) };
    expect(state.current).toMatchObject({ version: 1, ...sent });
    expect(state.sent(message(3))).toBe(false);
    expect([state.sent(message(4)), state.current?.lastSequence]).toEqual([true, 4]);
    // What was read is as old as its version says, and its last message may be older.
    expect([state.reading()(of(2, 2)), state.current]).toEqual([
      true,
      expect.objectContaining({ version: 2, lastSequence: 4, lastActivityAt: 40 }),
    ]);
    expect([state.take(of(3, 4)), state.current?.lastActivityAt]).toEqual([true, 4]);
    expect([state.take(of(3, 9)), state.current?.lastSequence]).toEqual([false, 4]);
  });

  it('does not have messages of another epoch, whose log has lost them', () => {
    const state = new ConversationState();
    state.take(of(5, 5));
    state.sent(message(6));
    state.doubt();
    expect([state.take(of(2, 4, 'f')), state.current]).toEqual([true, of(2, 4, 'f')]);
    expect([state.sent(message(5, 'f')), state.current?.lastSequence]).toEqual([true, 5]);
  });
});

describe('positions', () => {
  const at = (epoch: string, place: number) => ({ epoch, place });

  it('are equal by epoch and place', () => {
    expect([isSame(at('e', 1), at('e', 1)), isSame(at('e', 1), at('e', 2)), isSame(at('e', 1), at('f', 1))]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('of a reader count if they are past the joining, in its epoch', () => {
    const joined = at('e', 5);
    expect(furthest(at('e', 6), joined)).toEqual(at('e', 6));
    for (const heard of [undefined, at('e', 5), at('e', 4), at('f', 6)]) expect(furthest(heard, joined)).toBe(joined);
    expect(furthest(at('e', 6), null)).toBeNull();
  });
});
