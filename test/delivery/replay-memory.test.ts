/** Work that waits for its turn: of one stream, of one turn of the event loop, and of many streams at once. */
import { setImmediate as turn } from 'node:timers/promises';
import { nextTurn } from '../../src/clock.ts';
import {
  counted,
  Gate,
  hasTurnEnded,
  isTurnSpent,
  mayPass,
  ownTurn,
  resumeNow,
} from '../../src/delivery/back-pressure.ts';
import { sizeOf } from '../../src/delivery/bounded-events.ts';
import { Rechecks } from '../../src/delivery/rechecks.ts';
import { ReplayMemory } from '../../src/delivery/replay-memory.ts';
import { LIMITS } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';

/** More than all replays may use of one turn of the event loop. */
const LONG_MS = 12;
function spend(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('the memory for the replays of a stream', () => {
  it('runs tasks one after the other, also after one that failed', async () => {
    const memory = new ReplayMemory();
    const order: string[] = [];
    const slow = Promise.withResolvers<string>();
    const first = memory.inTurn(async () => {
      order.push('first');
      return slow.promise;
    });
    const second = memory.inTurn(async () => {
      order.push('second');
      throw new Error('broken');
    });
    const third = memory.inTurn(async () => order.push('third'));
    const failed = expect(second).rejects.toThrow('broken');
    await turn();
    expect(order).toEqual(['first']);
    slow.resolve('done');
    expect(await first).toBe('done');
    await failed;
    await third;
    expect(order).toEqual(['first', 'second', 'third']);
  });

  it('holds pages up to a size', () => {
    const memory = new ReplayMemory();
    const half = LIMITS.bufferedLogCharacters / 2;
    expect([memory.reserve(half), memory.reserve(half + 1), memory.reserve(half), memory.reserve(1)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    memory.release(half);
    expect([memory.reserve(half + 1), memory.reserve(half)]).toEqual([false, true]);
  });
});

describe('a gate', () => {
  it('calls each wait once when it opens, and none that was cancelled', () => {
    const gate = new Gate();
    const told: string[] = [];
    expect(gate.isWaitedFor).toBe(false);
    gate.open();
    gate.add(() => told.push('one'));
    const cancel = gate.add(() => told.push('two'));
    expect(gate.isWaitedFor).toBe(true);
    cancel();
    expect(gate.isWaitedFor).toBe(true);
    // Who waits again meanwhile waits for the next time.
    gate.add(() => gate.add(() => told.push('again')));
    gate.open();
    expect([told, gate.isWaitedFor]).toEqual([['one'], true]);
    gate.open();
    gate.open();
    expect([told, gate.isWaitedFor]).toEqual([['one', 'again'], false]);
    const last = gate.add(() => told.push('last'));
    last();
    expect(gate.isWaitedFor).toBe(false);
  });
});

describe('a turn of the event loop', () => {
  const room = { isCongested: () => false, onRoom: resumeNow };
  // A busy machine may take the time of one turn away from this process, and not of every turn.
  const inOneTurn = (check: () => void): Promise<void> =>
    eventually(async () => {
      await nextTurn();
      check();
    });

  it('is used up by replays after some time, and the next is not', async () => {
    await inOneTurn(() => expect([hasTurnEnded(), ownTurn(), mayPass(room)]).toEqual([false, null, true]));
    hasTurnEnded();
    spend(LONG_MS);
    expect([hasTurnEnded(), mayPass(room)]).toEqual([true, false]);
    await ownTurn();
    await inOneTurn(() => expect([hasTurnEnded(), hasTurnEnded()]).toEqual([false, false]));
  });

  it('lets an event pass only where there is room', async () => {
    await inOneTurn(() => {
      expect(mayPass(room)).toBe(true);
      expect(mayPass({ ...room, isCongested: () => true })).toBe(false);
    });
  });

  it('is spent by counted work, also by work that throws, and not by other work', async () => {
    await inOneTurn(() => {
      expect([isTurnSpent(), counted(() => 'done'), isTurnSpent()]).toEqual([false, 'done', false]);
      spend(LONG_MS);
      expect(isTurnSpent()).toBe(false);
    });
    counted(() => spend(LONG_MS / 2));
    const failing = (): never => {
      spend(LONG_MS / 2);
      throw new Error('broken');
    };
    expect(() => counted(failing)).toThrow('broken');
    expect(isTurnSpent()).toBe(true);
    await inOneTurn(() => expect(isTurnSpent()).toBe(false));
  });
});

describe('rechecks of many streams', () => {
  it('are done at once, a part in each turn, and once for those that are added meanwhile', async () => {
    const rechecks = new Rechecks();
    const done: number[] = [];
    const all = Array.from({ length: 250 }, (_, nth) => (): void => void done.push(nth));
    const again = (): void => {
      done.push(-1);
      if (done.length < 3) rechecks.add(again);
    };
    rechecks.add(again);
    expect(done).toEqual([-1]);
    for (const recheck of [...all, ...all]) rechecks.add(recheck);
    await turn();
    await turn();
    const inTurn = done.length;
    expect(inTurn).toBeLessThan(all.length);
    for (let nth = 0; nth < 5; nth += 1) await turn();
    expect(done.filter((each) => each >= 0)).toEqual(all.map((_, nth) => nth));
    // The first call after a pause is checked at once again.
    done.length = 0;
    rechecks.add(all[7] as () => void);
    expect(done).toEqual([7]);
  });
});

describe('the size of an event', () => {
  it('is that of its JSON in UTF-8', () => {
    const event = { text: 'five ', more: ['é', 1] };
    const bytes = Buffer.byteLength('{"text":"five ","more":["é",1]}');
    expect([sizeOf(event), sizeOf(event), sizeOf({})]).toEqual([bytes, bytes, 2]);
  });
});
