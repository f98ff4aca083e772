/** Renderings that read from the engine: few run at once, and users take turns. */

import { nextTurn } from '../../src/clock.ts';
import { type RenderingOwner, RenderingQueue } from '../../src/delivery/rendering-queue.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';

interface Stream extends RenderingOwner {
  isOpen: boolean;
}

/** A queue whose renderings take until they are finished, oldest first. */
function createWorld() {
  const queue = new RenderingQueue();
  const running: (() => void)[] = [];
  const begun: RenderingOwner[] = [];
  return {
    queue,
    begun,
    most: 0,
    ask(waiter: RenderingOwner): void {
      void queue.inTurn(waiter, () => {
        begun.push(waiter);
        const rendering = queue.track(new Promise<void>((resolve) => running.push(resolve)));
        this.most = Math.max(this.most, running.length);
        return rendering;
      });
    },
    /** Finishes renderings until none begins any more. */
    async finish(): Promise<void> {
      for (let idle = 0; idle < 3; ) {
        idle = running.length > 0 ? 0 : idle + 1;
        running.shift()?.();
        await nextTurn();
      }
    },
  };
}

const stream = (lane: string): Stream => ({ lane, isOpen: true });

/** Nothing runs, so as many renderings begin as may run at once. */
async function expectToRunAll(queue: RenderingQueue): Promise<void> {
  let begun = 0;
  const endless = (): Promise<void> => {
    begun += 1;
    return queue.track(new Promise(() => undefined));
  };
  for (let n = 0; n < LIMITS.renderingsAtOnce; n += 1) void queue.inTurn(stream('all'), endless);
  await eventually(() => expect(begun).toBe(LIMITS.renderingsAtOnce));
}

describe('the queue of renderings', () => {
  it('runs few at once, and another user waits only for a few, whatever one user requests', async () => {
    const world = createWorld();
    for (let n = 0; n < 1_000; n += 1) world.ask(stream('mallory'));
    await eventually(() => expect(world.begun).toHaveLength(LIMITS.renderingsAtOnce));
    const honest = stream('honest');
    world.ask(honest);
    await world.finish();
    expect(world.begun.indexOf(honest)).toBeLessThanOrEqual(LIMITS.renderingsAtOnce + 1);
    expect(world.begun).toHaveLength(1_001);
    expect(world.most).toBe(LIMITS.renderingsAtOnce);
    await nextTurn();
    expect(world.queue.isFree).toBe(true);
  });

  it('begins as many as may run in one turn, unless other work has used it up', async () => {
    await eventually(async () => {
      const world = createWorld();
      for (let n = 0; n < LIMITS.renderingsAtOnce; n += 1) world.ask(stream('alice'));
      await nextTurn();
      expect(world.begun).toHaveLength(LIMITS.renderingsAtOnce);
    });
  });

  it('is not free while a rendering waits for its turn', async () => {
    const { queue } = createWorld();
    await eventually(async () => {
      await nextTurn();
      expect(queue.isFree).toBe(true);
    });
    const waiting = queue.inTurn(stream('alice'), () => 'done');
    expect(queue.isFree).toBe(false);
    expect(await waiting).toBe('done');
  });

  it('drops the renderings of a closed stream without starting them', async () => {
    const world = createWorld();
    const streams = Array.from({ length: 1_000 }, () => stream('mallory'));
    for (const each of streams) world.ask(each);
    await eventually(() => expect(world.begun).toHaveLength(LIMITS.renderingsAtOnce));
    for (const each of streams) each.isOpen = false;
    await world.finish();
    expect(world.begun).toHaveLength(LIMITS.renderingsAtOnce);
    await expectToRunAll(world.queue);
  });

  it('yields to the event loop between renderings that finish at once', async () => {
    const queue = new RenderingQueue();
    const turns = new Set<number>();
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn += 1;
      if (!isOver) setImmediate(count);
    };
    count();
    const each = (): Promise<void> => {
      turns.add(turn);
      return queue.track(Promise.resolve());
    };
    const total = 10 * LIMITS.renderingsAtOnce;
    await Promise.all(Array.from({ length: total }, () => queue.inTurn(stream('one'), each)));
    isOver = true;
    expect(turns.size).toBeGreaterThanOrEqual(10);
  });

  it('continues after a failed rendering', async () => {
    const queue = new RenderingQueue();
    const failing = (): Promise<never> => queue.track(Promise.reject(new Error('failed')));
    const throwing = (): never => {
      throw new Error('thrown');
    };
    await expect(queue.inTurn(stream('one'), failing)).rejects.toThrow('failed');
    await expect(queue.inTurn(stream('one'), throwing)).rejects.toThrow('thrown');
    expect(await queue.inTurn(stream('one'), () => 'done')).toBe('done');
    await expectToRunAll(queue);
  });

  it('serves waiting users in turn, and each user’s renderings in order', async () => {
    const asks = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(asks, async (lanes) => {
        const world = createWorld();
        const streams = lanes.map((lane) => stream(`${lane}`));
        for (const each of streams) world.ask(each);
        await world.finish();
        const expected: RenderingOwner[] = [];
        const rows = [...new Set(lanes)].map((lane) => streams.filter((each) => each.lane === `${lane}`));
        for (let round = 0; expected.length < streams.length; round += 1) {
          for (const row of rows) if (row[round]) expected.push(row[round] as RenderingOwner);
        }
        expect(world.begun).toEqual(expected);
        for (const [index, each] of expected.entries()) expect(world.begun[index]).toBe(each);
      }),
      { numRuns: 50 },
    );
  });
});
