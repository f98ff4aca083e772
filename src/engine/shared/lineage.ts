/**
 * Whether a position can still be resumed, by the epochs that its log has had.
 *
 * A lineage lists the log's epochs with the first place of each, oldest first. Places below the start of the next epoch
 * belong to both epochs. Places at or past it that a client of the older epoch holds were lost and assigned again (the
 * leader-epoch rule of Kafka's KIP-101).
 */
import { randomBytes } from 'node:crypto';
import type { ExpiryReason } from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Position } from '../../model.ts';

export type Lineage = readonly (readonly [epoch: string, start: number])[];

export interface LogState {
  readonly lineage: Lineage;
  /** The last place of the log. */
  readonly head: number;
  /** Entries up to this place are no longer stored. */
  readonly floor: number;
}

/** Null when every entry past `position` can be delivered. */
export function judgePosition(position: Position, log: LogState): ExpiryReason | null {
  const nth = log.lineage.findIndex(([epoch]) => epoch === position.epoch);
  const start = log.lineage[nth]?.[1];
  if (start === undefined || position.place < start - 1) return 'EPOCH';
  const end = log.lineage[nth + 1]?.[1] ?? log.head + 1;
  if (position.place >= end) return 'DIVERGED';
  return position.place < log.floor ? 'RETENTION' : null;
}

/** A new epoch. Short, since every position contains it. */
export const newEpoch = (): string => randomBytes(9).toString('base64url');

/** A stored lineage with one more epoch; the oldest epochs are dropped. */
export function withEpoch(lineage: string, epoch: string, start: number): string {
  const epochs = [...(JSON.parse(lineage) as Lineage), [epoch, start]];
  return JSON.stringify(epochs.slice(-LIMITS.rememberedEpochs));
}
