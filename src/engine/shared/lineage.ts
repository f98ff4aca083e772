/**
 * Whether a position still leads into a log, after the epochs the log has had.
 *
 * A lineage lists the log's epochs with the first place of each, oldest first.
 * Places below the next epoch's start are shared by both epochs; places at or
 * past it, held by a client of the older epoch, were lost and handed out again
 * (the leader-epoch rule of Kafka KIP-101).
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
  /** Entries up to here are no longer kept. */
  readonly floor: number;
}

/** Null when everything past `position` can be given. */
export function judgePosition(position: Position, log: LogState): ExpiryReason | null {
  const nth = log.lineage.findIndex(([epoch]) => epoch === position.epoch);
  const start = log.lineage[nth]?.[1];
  if (start === undefined || position.place < start - 1) return 'EPOCH';
  const end = log.lineage[nth + 1]?.[1] ?? log.head + 1;
  if (position.place >= end) return 'DIVERGED';
  return position.place < log.floor ? 'RETENTION' : null;
}

/** A new epoch. Short: it is in every position that a client holds. */
export const newEpoch = (): string => randomBytes(9).toString('base64url');

/** A stored lineage with one epoch more, of which the oldest are forgotten. */
export function withEpoch(lineage: string, epoch: string, start: number): string {
  const epochs = [...(JSON.parse(lineage) as Lineage), [epoch, start]];
  return JSON.stringify(epochs.slice(-LIMITS.rememberedEpochs));
}
