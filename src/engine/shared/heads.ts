/** When conversations changed, by which whoever was away finds what changed since without a position in each. */
import type { ConversationId, Position, TenantId } from '../../model.ts';
import type { Lineage } from './lineage.ts';

/** Instants are by the engine's clock. */
export interface ConversationHead {
  /** The last position of the log that is not past the instant asked for. */
  readonly position: Position;
  /** Whether the log still has all that is past the position. */
  readonly isKept: boolean;
  /** When the log moved last. Null: not known, since an older version moved it. */
  readonly loggedAt: number | null;
  /** When name, members or read positions changed last. */
  readonly changedAt: number;
  readonly version: number;
}

export interface HeadStore {
  /** The clock by which everything is dated. Of the servers of a cluster: that of one of them. */
  time(): Promise<number>;
  /**
   * In the order asked; null for what is not there. An entry of the log whose time nobody noted
   * counts as past the instant: what is asked for twice is told twice, and nothing is missed.
   */
  readHeads(tenant: TenantId, ids: readonly ConversationId[], instant: number): Promise<(ConversationHead | null)[]>;
}

/** The position of a place: in the epoch of the log that it belongs to. */
export function positionAt(lineage: Lineage, place: number): Position {
  const epoch = lineage.findLast(([, start]) => start <= place) ?? lineage[0];
  return { epoch: epoch?.[0] ?? '', place };
}
