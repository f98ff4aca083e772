/** What is published, and what became of it. */
import type { MessageKey } from '../engine/port.ts';
import type { PublicationRecord, Topic } from '../model.ts';

export interface Publishable {
  readonly topic: Topic;
  readonly payload: unknown;
  /** Null: published again, it is another. */
  readonly key: MessageKey | null;
}

/** What became of a publication, now or when it was published before; ROUTED: it is one of another topic, or of none. */
export interface Publishing {
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED';
  readonly publication: PublicationRecord;
}
