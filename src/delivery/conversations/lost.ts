/** The loss of one of the conversations that a stream names, which is told among its events: the others go on. */
import { notFound, ServiceError } from '../../errors.ts';
import type { ConversationId } from '../../model.ts';
import type { Sink } from '../stream.ts';
import type { ResumePoints } from './resume-points.ts';

/** Access to one conversation is over, or never was. The words are the same whether there is such a conversation. */
export function noAccess(conversationId: ConversationId): ServiceError {
  return new ServiceError('FORBIDDEN', 'The caller has no access to this conversation.', { of: { conversationId } });
}

export class Lost {
  readonly error: ServiceError;

  constructor(conversationId: ConversationId) {
    this.error = noAccess(conversationId);
  }
}

/** What a stream over conversations tells. */
export type Told<Event extends object> = Event | Lost;

/** The event itself. @throws {ServiceError} FORBIDDEN in place of one: the response carries it, and the stream goes on. */
export function toldEvent<Event extends object>(told: Told<Event>): Event {
  if (told instanceof Lost) throw told.error;
  return told;
}

/** The losses that one stream was told of, each once. */
export class Losses {
  readonly #queue: Pick<Sink<Lost>, 'push'>;
  readonly #told = new Set<ConversationId>();

  constructor(queue: Pick<Sink<Lost>, 'push'>) {
    this.#queue = queue;
  }

  tell(id: ConversationId): void {
    this.#told.add(id);
    this.#queue.push(new Lost(id));
  }

  /**
   * Tells of what is named and cannot be followed. Whoever gives a position of it was there once, or
   * says so: whether there is such a conversation changes nothing of the answer.
   *
   * @throws {ServiceError} NOT_FOUND for one without a position, or when none is left.
   */
  settle(
    named: readonly ConversationId[],
    followed: ReadonlyMap<ConversationId, unknown>,
    after: Pick<ResumePoints, 'has'>,
  ): void {
    const missing = named.filter((id) => !followed.has(id) && !this.#told.has(id));
    const isNoneLeft = missing.length === named.length;
    const refused = missing.find((id) => isNoneLeft || !after.has(id));
    if (refused !== undefined) throw notFound('conversation', { conversationId: refused });
    for (const id of missing) this.tell(id);
  }
}
