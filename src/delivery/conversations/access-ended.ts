/**
 * The end of access to one of the conversations that a stream names. It is an event of the stream, which continues with
 * the others.
 */
import { notFound, ServiceError } from '../../errors.ts';
import type { ConversationId } from '../../model.ts';
import type { Sink } from '../stream.ts';
import type { ClientPositions } from './client-positions.ts';

/** Access to one conversation has ended, or never existed. The text does not depend on whether the conversation exists. */
export function noAccess(conversationId: ConversationId): ServiceError {
  return new ServiceError('FORBIDDEN', 'The caller has no access to this conversation.', { of: { conversationId } });
}

export class AccessEnded {
  readonly error: ServiceError;

  constructor(conversationId: ConversationId) {
    this.error = noAccess(conversationId);
  }
}

/** The events of a stream over conversations. */
export type ConversationStreamEvent<Event extends object> = Event | AccessEnded;

/**
 * The event itself. @throws {ServiceError} FORBIDDEN for the end of access: the response carries the error, and the
 * stream continues.
 */
export function eventWithAccess<Event extends object>(event: ConversationStreamEvent<Event>): Event {
  if (event instanceof AccessEnded) throw event.error;
  return event;
}

/** The ends of access reported on one stream, each once. */
export class AccessEnds {
  readonly #queue: Pick<Sink<AccessEnded>, 'push'>;
  #reported: Set<ConversationId> | null = null;

  constructor(queue: Pick<Sink<AccessEnded>, 'push'>) {
    this.#queue = queue;
  }

  report(id: ConversationId): void {
    this.#reported ??= new Set();
    this.#reported.add(id);
    this.#queue.push(new AccessEnded(id));
  }

  /**
   * Reports named conversations that cannot be followed. A caller with a position in a conversation was a member once,
   * or claims so; the answer does not depend on whether the conversation exists.
   *
   * @throws {ServiceError} NOT_FOUND for a conversation without a position, or when none is left.
   */
  reportMissing(
    named: readonly ConversationId[],
    followed: { has(id: ConversationId): boolean },
    after: Pick<ClientPositions, 'has'>,
  ): void {
    const missing = named.filter((id) => !followed.has(id) && !this.#reported?.has(id));
    const isNoneLeft = missing.length === named.length;
    const refused = missing.find((id) => isNoneLeft || !after.has(id));
    if (refused !== undefined) throw notFound('conversation', { conversationId: refused });
    for (const id of missing) this.report(id);
  }
}
