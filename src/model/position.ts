/**
 * One place in one epoch of a conversation's log.
 *
 * `place` alone would name two entries after a promoted replica or a restored backup assigns numbers again, so it is
 * valid only together with `epoch`.
 */
export interface Position {
  readonly epoch: string;
  readonly place: number;
}
