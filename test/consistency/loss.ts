/** Writes acknowledged in this span may be lost. */
export interface Loss {
  readonly from: number;
  readonly to: number;
}
