/** The exchange of rate use between nodes. */
import type { RateUse } from '../../model.ts';

export interface RateStore {
  /**
   * Tells of use on this node, and answers for each how much other nodes told of
   * since this one last did. A sum is begun anew every minute.
   */
  shareUse(uses: readonly RateUse[]): Promise<number[]>;
}
