/** Who is typing, as a node knows it from announcements and from reads of the engine. */
import { TypingBoard } from '../../src/delivery/conversations/typing-board.ts';
import { TIMES } from '../../src/limits.ts';
import { StillClock } from '../support/still-clock.ts';
import { alice, bob, newConversationId } from '../support/world.ts';

describe('typing that is read when a conversation is joined', () => {
  const conversationId = newConversationId();
  let clock: StillClock;
  let told: unknown[];
  let board: TypingBoard;
  const typing = (userId: typeof alice, remainingMs: number) => {
    const expiresAt = clock.now() + remainingMs;
    return { conversationId, userId, isTyping: true, expiresAt, remainingMs };
  };
  beforeEach(() => {
    clock = new StillClock();
    told = [];
    board = new TypingBoard(clock, conversationId, ({ userId, isTyping }) => told.push([userId, isTyping]));
  });

  it('ends after the time that was left of it', () => {
    board.reading()([typing(alice, 1_000)]);
    clock.advance(999);
    expect(told).toEqual([[alice, true]]);
    clock.advance(1);
    expect(told).toEqual([
      [alice, true],
      [alice, false],
    ]);
  });

  it('is longer by a renewal that was not heard, and not told again', () => {
    board.reading()([typing(alice, 1_000)]);
    clock.advance(500);
    board.reading()([typing(alice, TIMES.typingMs)]);
    clock.advance(TIMES.typingMs - 1);
    expect(told).toEqual([[alice, true]]);
    clock.advance(1);
    expect(told).toHaveLength(2);
  });

  it('is replaced by what was heard since the read began, and by no older answer', () => {
    const [older, take] = [board.reading(), board.reading()];
    board.receive(typing(alice, TIMES.typingMs));
    board.stop(bob);
    take([typing(bob, 1_000)]);
    older([typing(bob, 1_000)]);
    expect(told).toEqual([[alice, true]]);
    expect(board.current().map(({ userId }) => userId)).toEqual([alice]);
  });

  it('of whom the engine no longer knows ends', () => {
    board.reading()([typing(alice, 1_000)]);
    board.reading()([]);
    expect(told).toEqual([
      [alice, true],
      [alice, false],
    ]);
  });

  it('ends by a message, unless it began after it', () => {
    const began = typing(alice, TIMES.typingMs);
    board.receive(began);
    board.sent(alice, began.expiresAt - TIMES.typingMs - 1);
    expect(told).toHaveLength(1);
    board.sent(alice, began.expiresAt - TIMES.typingMs);
    expect(told).toHaveLength(2);
  });

  it('ends with the time after which it is not renewed, and again by a stop', () => {
    board.receive(typing(alice, 0));
    clock.advance(TIMES.typingMs - 1);
    board.receive(typing(alice, 0));
    clock.advance(TIMES.typingMs - 1);
    expect(told.splice(0)).toEqual([
      [alice, true],
      [alice, true],
    ]);
    board.receive({ conversationId, userId: alice, isTyping: false, expiresAt: null });
    clock.advance(TIMES.typingMs);
    expect([told.splice(0), board.current(), clock.pending]).toEqual([[[alice, false]], [], 0]);
    board.stop(alice);
    board.sent(alice, Number.POSITIVE_INFINITY);
    expect(told).toEqual([]);
  });

  it('that was read lasts no longer than typing may, and not less than nothing', () => {
    board.reading()([typing(alice, 10 * TIMES.typingMs), typing(bob, -5)]);
    clock.advance(0);
    expect(told).toEqual([
      [alice, true],
      [bob, true],
      [bob, false],
    ]);
    clock.advance(TIMES.typingMs);
    expect(told.at(-1)).toEqual([alice, false]);
  });

  it('that a message ended during the read is not begun by its answer', () => {
    const began = clock.now();
    const read = typing(alice, TIMES.typingMs);
    const take = board.reading();
    board.sent(alice, read.expiresAt - TIMES.typingMs);
    board.sent(alice, began - 1_000);
    take([read]);
    expect(told).toEqual([]);
    // A later start is not ended.
    const again = board.reading();
    board.sent(alice, read.expiresAt - TIMES.typingMs - 1);
    again([read]);
    expect(told).toEqual([[alice, true]]);
    // Nor is one of whom nothing was heard.
    const other = board.reading();
    board.sent(alice, read.expiresAt);
    other([]);
    expect(board.current()).toEqual([]);
  });

  it('leaves no timer once it is cleared', () => {
    board.receive(typing(alice, 0));
    board.clear();
    expect([board.current(), clock.pending]).toEqual([[], 0]);
  });
});
