/** The exchange of rate use between nodes. */
import type { RateUse } from '../../model.ts';

export interface RateStore {
  /**
   * Reports the use on this node, and returns for each the use that other nodes reported
   * since the last call. A sum starts again every minute.
   */
  shareUse(uses: readonly RateUse[]): Promise<number[]>;
}
