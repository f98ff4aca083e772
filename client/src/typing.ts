/** Typing by conversation. It ends by itself, here and on the service. */
import { SET_TYPING } from './documents.ts';
import type { Request } from './pages.ts';

/** The service ends typing 6 s after the last call; here it ends a little later, so that a call on its way counts. */
const ENDS_MS = 7_000;
const CALL_EVERY_MS = 3_000;

type Timer = ReturnType<typeof setTimeout>;

/** Other users who type, from events. */
export class TypingUsers {
  readonly #timers = new Map<string, Map<string, Timer>>();
  readonly #onChange: (conversationId: string) => void;

  constructor(onChange: (conversationId: string) => void) {
    this.#onChange = onChange;
  }

  of(conversationId: string): readonly string[] {
    return [...(this.#timers.get(conversationId)?.keys() ?? [])];
  }

  set(conversationId: string, userId: string, isTyping: boolean): void {
    const users = this.#timers.get(conversationId) ?? new Map<string, Timer>();
    const wasTyping = users.has(userId);
    clearTimeout(users.get(userId));
    users.delete(userId);
    if (isTyping)
      users.set(
        userId,
        setTimeout(() => this.set(conversationId, userId, false), ENDS_MS),
      );
    if (users.size === 0) this.#timers.delete(conversationId);
    else this.#timers.set(conversationId, users);
    if (wasTyping !== isTyping) this.#onChange(conversationId);
  }

  clear(): void {
    for (const [conversationId, users] of [...this.#timers]) {
      for (const userId of [...users.keys()]) this.set(conversationId, userId, false);
    }
  }
}

/** The caller's own typing: one call in three seconds, however many keys are pressed. */
export class OwnTyping {
  readonly #request: Request;
  readonly #calledAt = new Map<string, number>();

  constructor(request: Request) {
    this.#request = request;
  }

  set(conversationId: string, isTyping: boolean): void {
    const calledAt = this.#calledAt.get(conversationId);
    const isRecent = calledAt !== undefined && performance.now() - calledAt < (isTyping ? CALL_EVERY_MS : ENDS_MS);
    if (isRecent === isTyping) return;
    if (isTyping) this.#calledAt.set(conversationId, performance.now());
    else this.#calledAt.delete(conversationId);
    // A lost signal is not retried, since typing is short-lived.
    this.#request(SET_TYPING, { id: conversationId, is: isTyping }).catch(() => undefined);
  }

  /** The service has ended typing, as it does when a message is sent. */
  ended(conversationId: string): void {
    this.#calledAt.delete(conversationId);
  }
}
