/** The turns of the event loop that readers share. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ReadPacer } from '../../src/rates/read-pacer.ts';

const CAP = 2_000;

describe('turns of the event loop', () => {
  it('readers continue at once up to the cap of a turn, which begins anew in the next', async () => {
    const turns = new ReadPacer();
    for (let turn = 0; turn < 3; turn += 1) {
      expect(turns.after(CAP / 2)).toBeNull();
      expect(turns.after(CAP / 2)).toBeNull();
      expect(turns.after(0)).toBeNull();
      await nextTurn();
    }
  });

  it('past the cap each reader waits for a turn of its own, in the order of arrival', async () => {
    const turns = new ReadPacer();
    const continued: string[] = [];
    const read = (name: string, points: number): void => {
      const wait = turns.after(points);
      expect(wait).not.toBeNull();
      void wait?.then(() => continued.push(name));
    };
    read('one', CAP + 1);
    read('two', 1);
    await nextTurn();
    expect(continued).toEqual(['one']);
    // Someone waits already: this one does not overtake them, although little was read in this turn.
    read('three', 1);
    await nextTurn();
    expect(continued).toEqual(['one', 'two']);
    await nextTurn();
    expect(continued).toEqual(['one', 'two', 'three']);
    await nextTurn();
    expect(turns.after(CAP)).toBeNull();
  });
});
