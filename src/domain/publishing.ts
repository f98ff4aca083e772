/** A publication as requested, and its outcome. */
import type { MessageKey } from '../engine/port.ts';
import type { PublicationRecord, Topic } from '../model.ts';

export interface Publishable {
  readonly topic: Topic;
  readonly payload: unknown;
  /** Null: a repeated publication is stored again. */
  readonly key: MessageKey | null;
}

/** The outcome of a publication, by this call or an earlier one; ROUTED: it was delivered to other topics or users. */
export interface Publishing {
  readonly outcome: 'STORED' | 'DUPLICATE' | 'ROUTED';
  readonly publication: PublicationRecord;
}
