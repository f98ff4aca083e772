/** Ends a read when it gets long, so that the bytes read in one turn of the event loop are bounded. */
import { LIMITS } from '../../limits.ts';

/** The overhead of each row. */
const ROW_CHARACTERS = 200;

export interface Weighed<Result> {
  readonly result: Result;
  readonly characters: number;
}

/** Takes rows until they hold about `LIMITS.readingBytes`, at least one; `isPart`: there are more. */
export function upToWeight<Row, Result>(
  rows: Iterable<Row>,
  take: (row: Row) => Weighed<Result>,
): { readonly taken: Result[]; readonly isPart: boolean } {
  const taken: Result[] = [];
  let left: number = LIMITS.readingBytes;
  for (const row of rows) {
    if (left <= 0) return { taken, isPart: true };
    const { result, characters } = take(row);
    taken.push(result);
    left -= ROW_CHARACTERS + characters;
  }
  return { taken, isPart: false };
}
