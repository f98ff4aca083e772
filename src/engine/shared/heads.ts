/**
 * When conversations changed. A returning client finds the changes since an instant without a position in each
 * conversation.
 */
import type { ConversationId, Position, TenantId } from '../../model.ts';
import type { Lineage } from './lineage.ts';

/** Instants are by the engine's clock. */
export interface ConversationHead {
  /** The last position of the log up to the given instant. */
  readonly position: Position;
  /** Whether the log still has every entry past the position. */
  readonly isKept: boolean;
  /** When the log last moved. Null: unknown, since an older version moved it. */
  readonly loggedAt: number | null;
  /** When name, members or read positions last changed. */
  readonly changedAt: number;
  readonly version: number;
}

export interface HeadStore {
  /** The engine's clock, which dates everything; in a cluster the clock of one of the servers. */
  time(): Promise<number>;
  /**
   * In the order asked; null for unknown conversations. A log entry without a time counts as later than the instant: it
   * may be delivered twice, and is never missed.
   */
  readHeads(tenant: TenantId, ids: readonly ConversationId[], instant: number): Promise<(ConversationHead | null)[]>;
}

/** The position of a place, with the epoch it belongs to. */
export function positionAt(lineage: Lineage, place: number): Position {
  const epoch = lineage.findLast(([, start]) => start <= place) ?? lineage[0];
  return { epoch: epoch?.[0] ?? '', place };
}
