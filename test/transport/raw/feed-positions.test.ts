/** The positions of a raw client by the frames that were written. */
import { LIMITS } from '../../../src/limits.ts';
import type { ConversationId } from '../../../src/model.ts';
import { FeedPositions } from '../../../src/transport/raw/feed-positions.ts';
import fc from '../../support/fast-check.ts';

const idOf = (id: string): ConversationId => id as ConversationId;

describe('positions of a raw client', () => {
  it('are those of the frames that were written, the latest of each conversation', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('give' as const), id: fc.constantFrom('a', 'b'), isSameFrame: fc.boolean() }),
      fc.record({ kind: fc.constant('take' as const), behind: fc.nat({ max: 4 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const positions = new FeedPositions({ written: 0 });
        let given: { frame: number; id: string; place: number }[] = [];
        const current = new Map<string, number>();
        let [frame, place] = [1, 0];
        for (const each of steps) {
          if (each.kind === 'give') {
            if (!each.isSameFrame) frame += 1;
            place += 1;
            given.push({ frame, id: each.id, place });
            current.set(each.id, place);
            positions.give(idOf(each.id), { epoch: 'e', place }, frame);
          } else {
            const written = frame - each.behind;
            const due = new Map(given.filter((one) => one.frame <= written).map(({ id, place: at }) => [id, at]));
            given = given.filter((one) => one.frame > written);
            const taken = [...positions.take(written)].map(([id, position]) => [id, position.place]);
            expect(new Map(taken as [string, number][])).toEqual(due);
          }
          expect(positions.hasGiven).toBe(given.length > 0);
          expect([...positions.current].map(([id, position]) => [id, position.place])).toEqual([...current]);
        }
      }),
    );
  });

  it('without a frame of their own are those of the frame before', () => {
    const positions = new FeedPositions({ written: 0 });
    positions.give(idOf('a'), { epoch: 'e', place: 1 });
    positions.give(idOf('b'), { epoch: 'e', place: 2 }, 5);
    positions.give(idOf('c'), { epoch: 'e', place: 3 });
    expect([...positions.take(4).keys()]).toEqual(['a']);
    expect([...positions.take(5).keys()]).toEqual(['b', 'c']);
  });

  it('past a number are merged, and not forgotten', () => {
    const outbox = { written: 0 };
    const positions = new FeedPositions(outbox);
    for (let nth = 1; nth <= LIMITS.positionsPerSocket; nth += 1)
      positions.give(idOf('a'), { epoch: 'e', place: nth }, nth);
    outbox.written = 10;
    positions.give(idOf('b'), { epoch: 'e', place: 1 }, LIMITS.positionsPerSocket + 1);
    expect([...positions.take(0)]).toEqual([['a', { epoch: 'e', place: 10 }]]);
    const rest = positions.take(Number.POSITIVE_INFINITY);
    expect([...rest]).toEqual([
      ['a', { epoch: 'e', place: LIMITS.positionsPerSocket }],
      ['b', { epoch: 'e', place: 1 }],
    ]);
    expect([positions.hasGiven, positions.take(Number.POSITIVE_INFINITY).size]).toEqual([false, 0]);
  });
});
