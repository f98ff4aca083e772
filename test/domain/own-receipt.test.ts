/** A user's own read receipt among those that are stored. */
import type { MarkedConversation, SeenConversation } from '../../src/access/seen.ts';
import { withOwnReceipt } from '../../src/domain/own-receipt.ts';
import type { ReadReceiptRecord } from '../../src/model.ts';
import { userId } from '../support/world.ts';

const receipt = (ordinal: number, sequence: number): ReadReceiptRecord => ({
  ordinal,
  userId: userId(`u${ordinal}`),
  sequence,
  readAt: sequence,
});
const marked = (own: ReadReceiptRecord) => ({ ownReceipt: own }) as MarkedConversation;

describe('the read receipts of a conversation that was just marked', () => {
  const stored = [receipt(1, 5), receipt(3, 5), receipt(5, 5)];

  it.each<[string, ReadReceiptRecord, number, [number, number][]]>([
    [
      'has its place by order',
      receipt(4, 1),
      0,
      [
        [1, 5],
        [3, 5],
        [4, 1],
        [5, 5],
      ],
    ],
    [
      'replaces the stored one that is behind',
      receipt(3, 6),
      0,
      [
        [1, 5],
        [3, 6],
        [5, 5],
      ],
    ],
    [
      'does not replace one that is as far',
      receipt(3, 5),
      0,
      [
        [1, 5],
        [3, 5],
        [5, 5],
      ],
    ],
    [
      'does not replace one that is further',
      receipt(3, 4),
      0,
      [
        [1, 5],
        [3, 5],
        [5, 5],
      ],
    ],
    [
      'is on an earlier page',
      receipt(1, 9),
      1,
      [
        [3, 5],
        [5, 5],
      ],
    ],
  ])('the own one %s', (_, own, start, expected) => {
    const page = stored.filter(({ ordinal }) => ordinal > start);
    const found = withOwnReceipt(marked(own), page, start);
    expect(found.map(({ ordinal, sequence }) => [ordinal, sequence])).toEqual(expected);
  });

  it('without a mark they are as stored', () => {
    expect(withOwnReceipt({} as SeenConversation, stored, 0)).toBe(stored);
  });
});
