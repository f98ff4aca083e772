/**
 * One place in one epoch of a conversation's log.
 *
 * `place` alone would name two events once a promoted replica or a restored
 * backup hands out numbers again, so it counts only together with `epoch`.
 */
export interface Position {
  readonly epoch: string;
  readonly place: number;
}
