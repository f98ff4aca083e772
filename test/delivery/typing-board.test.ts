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
    board.hear(typing(alice, TIMES.typingMs));
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
    board.hear(began);
    board.sent(alice, began.expiresAt - TIMES.typingMs - 1);
    expect(told).toHaveLength(1);
    board.sent(alice, began.expiresAt - TIMES.typingMs);
    expect(told).toHaveLength(2);
  });
});
