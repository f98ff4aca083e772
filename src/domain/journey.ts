/** A message on its way through the routing rules, with the deliveries that rules make of it. */
import { createHash } from 'node:crypto';
import type { MessageKey } from '../engine/port.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, Topic } from '../model.ts';

export type Destination =
  | { readonly kind: 'topic'; readonly id: Topic }
  | { readonly kind: 'conversation'; readonly id: ConversationId };

/** The data that a message shares with all deliveries that rules make of it. */
interface Origin {
  /** The idempotency key; null: there is none. */
  readonly key: MessageKey | null;
  /** The id that the sender gave. */
  readonly clientMessageId: string | null;
  /** The number of deliveries that rules may still make. */
  left: number;
  /** The destinations where the message was stored. It is stored once at each, even if several rules name one. */
  readonly reached: Set<string>;
}

export interface Journey {
  /** The number of forwards so far. */
  readonly hops: number;
  readonly origin: Origin;
}

export function setOut(key: MessageKey | null = null, clientMessageId: string | null = null): Journey {
  const origin = { key, clientMessageId, left: LIMITS.routedDeliveries, reached: new Set<string>() };
  return { hops: 0, origin };
}

export function onward({ hops, origin }: Journey): Journey {
  return { hops: hops + 1, origin };
}

const nameOf = ({ kind, id }: Destination): string => `${kind} ${id}`;

export function hasReached({ origin }: Journey, destination: Destination): boolean {
  return origin.reached.has(nameOf(destination));
}

export function reach({ origin }: Journey, destination: Destination): void {
  origin.reached.add(nameOf(destination));
}

/** The idempotency key of a delivery at its destination. */
export function keyAt({ origin: { key } }: Journey, destination: Destination): MessageKey | null {
  if (key === null) return null;
  const hash = createHash('sha256').update(JSON.stringify([key.id, nameOf(destination)]));
  return { id: `routed:${hash.digest('base64url')}`, digest: key.digest };
}
