/** The queue between the channels of a stream and its reader: read one by one or piped, paused or not, until it ends. */

import { Gate, resumeNow } from '../../src/delivery/back-pressure.ts';
import { EventQueue, PAUSED_FOR } from '../../src/delivery/event-queue.ts';
import type { Sink } from '../../src/delivery/stream.ts';
import { ServiceError, slowReader } from '../../src/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import fc from '../support/fast-check.ts';

interface Numbered {
  readonly n: number;
  readonly content?: string;
}

/** A reader that takes all at once, and says when it has room. */
class Reader implements Sink<Numbered> {
  readonly heard: number[] = [];
  readonly gate = new Gate();
  isFull = false;
  ended: ServiceError | null | undefined;
  push({ n }: Numbered): void {
    this.heard.push(n);
  }
  withdraw(): void {}
  end(error: ServiceError | null): void {
    this.ended = error;
  }
  isCongested(): boolean {
    return this.isFull;
  }
  onRoom(resume: () => void): () => void {
    return this.isFull ? this.gate.add(resume) : resumeNow(resume);
  }
}

const open = () => {
  const ends: number[] = [];
  const queue = new EventQueue<Numbered>({ onQueueEnd: () => void ends.push(1) });
  return { queue, ends };
};
const pushAll = (queue: EventQueue<Numbered>, ...numbers: readonly number[]): void => {
  for (const n of numbers) queue.push({ n });
};
const LOW = LIMITS.logPage / 2;
const failure = new ServiceError('NOT_FOUND', 'gone');

describe('a queue that is read one by one', () => {
  it('answers in order, those who wait first, and nothing after its end', async () => {
    const { queue, ends } = open();
    const waiting = [queue.next(), queue.next(), queue.next()];
    pushAll(queue, 1, 2);
    queue.end(null);
    queue.push({ n: 3 });
    expect(await Promise.all(waiting)).toEqual([
      { done: false, value: { n: 1 } },
      { done: false, value: { n: 2 } },
      { done: true, value: undefined },
    ]);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    queue.end(failure);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
    expect(ends).toEqual([1]);
  });

  it('answers what was queued, then its error, once', async () => {
    const { queue } = open();
    pushAll(queue, 1, 2);
    queue.end(failure);
    const heard: number[] = [];
    const read = async (): Promise<void> => {
      for await (const { n } of queue) heard.push(n);
    };
    await expect(read()).rejects.toBe(failure);
    expect(heard).toEqual([1, 2]);
    expect(await queue.next()).toEqual({ done: true, value: undefined });
  });

  it('answers the error to one of those who wait', async () => {
    const { queue } = open();
    const [first, second] = [queue.next(), queue.next()];
    queue.end(failure);
    await expect(first).rejects.toBe(failure);
    expect(await second).toEqual({ done: true, value: undefined });
  });

  it('forgets what was not read when it is returned or thrown into', async () => {
    for (const stop of ['return', 'throw'] as const) {
      const { queue, ends } = open();
      pushAll(queue, 1);
      expect(await queue[stop]()).toEqual({ done: true, value: undefined });
      expect(await queue.next()).toEqual({ done: true, value: undefined });
      expect(ends).toEqual([1]);
    }
  });

  it('has no withdrawn events, and no room for a replay while others wait', async () => {
    const [{ queue }, told] = [open(), [] as string[]];
    queue.withdraw(() => true);
    pushAll(queue, 1, 2, 3);
    queue.onRoom(() => told.push('room'));
    queue.withdraw(({ n }) => n !== 2);
    expect(told).toEqual([]);
    expect(await queue.next()).toEqual({ done: false, value: { n: 2 } });
  });
});

describe('the caps of a queue', () => {
  it.each<[string, number, string]>([
    ['number', LIMITS.queuedEvents, ''],
    ['bytes', 4, 'x'.repeat(LIMITS.queuedEventBytes / 4 - JSON.stringify({ n: 1, content: '' }).length)],
  ])('end it when it exceeds a %s', (_, most, content) => {
    const { queue, ends } = open();
    for (let nth = 0; nth < most; nth += 1) queue.push({ n: 1, content });
    expect(ends).toEqual([]);
    queue.push({ n: 1, content });
    expect(ends).toEqual([1]);
    const reader = new Reader();
    queue.pipe(reader);
    expect([reader.heard.length, reader.ended?.reason]).toEqual([most + 1, slowReader().reason]);
  });

  it('count what is in it now', async () => {
    const { queue, ends } = open();
    const content = 'x'.repeat(LIMITS.queuedEventBytes / 2);
    for (let n = 0; n < 5; n += 1) {
      queue.push({ n, content });
      await queue.next();
    }
    expect(ends).toEqual([]);
    const reader = new Reader();
    queue.push({ n: 5, content });
    queue.pipe(reader);
    queue.pause();
    queue.push({ n: 6, content });
    expect([ends, reader.heard]).toEqual([[], [5]]);
  });
});

describe('room in a queue', () => {
  it('ends with one event without a reader, and at half a page with one', async () => {
    const { queue } = open();
    expect(queue.isCongested()).toBe(false);
    queue.push({ n: 0 });
    expect(queue.isCongested()).toBe(true);
    await queue.next();
    for (let n = 1; n < LOW; n += 1) queue.push({ n });
    expect(queue.isCongested()).toBe(false);
    pushAll(queue, LOW, LOW + 1);
    const told: string[] = [];
    queue.onRoom(() => told.push('room'));
    await queue.next();
    expect([queue.isCongested(), told]).toEqual([true, []]);
    await queue.next();
    expect([queue.isCongested(), told]).toEqual([false, ['room']]);
    const content = 'x'.repeat(LIMITS.queuedEventBytes / 2);
    queue.push({ n: 0, content });
    expect(queue.isCongested()).toBe(true);
  });

  it('is told once it is made, once, unless the wait was cancelled', async () => {
    const { queue } = open();
    const told: string[] = [];
    queue.onRoom(() => told.push('at once'));
    queue.push({ n: 1 });
    queue.onRoom(() => told.push('one'));
    queue.onRoom(() => told.push('cancelled'))();
    expect(told).toEqual(['at once']);
    await queue.next();
    expect(told).toEqual(['at once', 'one']);
    queue.push({ n: 2 });
    await queue.next();
    expect(told).toHaveLength(2);
  });

  it('is told at the end, after the owner', async () => {
    const told: string[] = [];
    const queue = new EventQueue<Numbered>({ onQueueEnd: () => void told.push('owner') });
    queue.push({ n: 1 });
    queue.onRoom(() => told.push('room'));
    queue.end(null);
    expect([told, queue.isCongested()]).toEqual([['owner', 'room'], false]);
  });

  it('is that of the reader once it is piped', () => {
    const [{ queue }, reader] = [open(), new Reader()];
    const told: string[] = [];
    queue.push({ n: 1 });
    queue.onRoom(() => told.push('before'));
    queue.onRoom(() => told.push('before, too'));
    reader.isFull = true;
    queue.pipe(reader);
    expect([queue.isCongested(), told]).toEqual([true, []]);
    queue.onRoom(() => told.push('behind'));
    reader.isFull = false;
    reader.gate.open();
    expect([told, reader.gate.isWaitedFor, queue.isCongested()]).toEqual([
      ['before', 'before, too', 'behind'],
      false,
      false,
    ]);
    reader.isFull = true;
    queue.onRoom(() => told.push('never'));
    expect(reader.gate.isWaitedFor).toBe(true);
    queue.end(null);
    // The wait at the reader ends with the queue.
    expect([told.at(-1), reader.gate.isWaitedFor, reader.ended]).toEqual(['never', false, null]);
  });
});

describe('a paused queue', () => {
  it('passes nothing on until no reason is left, then all in order', () => {
    const [{ queue }, reader] = [open(), new Reader()];
    queue.pipe(reader);
    queue.pause();
    queue.pause();
    queue.pause(PAUSED_FOR.right);
    pushAll(queue, 1, 2);
    queue.resume();
    expect(reader.heard).toEqual([]);
    queue.withdraw(({ n }) => n === 1);
    queue.resume();
    expect(reader.heard).toEqual([]);
    queue.resume(PAUSED_FOR.right);
    expect(reader.heard).toEqual([2]);
    pushAll(queue, 3);
    expect(reader.heard).toEqual([2, 3]);
  });

  it('is not read, also not by those who wait, nor by a reader who comes meanwhile', async () => {
    const { queue } = open();
    const waiting = queue.next();
    queue.pause();
    pushAll(queue, 1, 2);
    const second = queue.next();
    let isAnswered = false;
    void waiting.then(() => {
      isAnswered = true;
    });
    await Promise.resolve();
    expect(isAnswered).toBe(false);
    queue.resume();
    expect([await waiting, await second]).toEqual([
      { done: false, value: { n: 1 } },
      { done: false, value: { n: 2 } },
    ]);
    const reader = new Reader();
    queue.pause();
    queue.push({ n: 3 });
    queue.pipe(reader);
    expect(reader.heard).toEqual([]);
    queue.resume();
    expect(reader.heard).toEqual([3]);
  });

  it('forgets its events at the end: who resumes gets them again', async () => {
    const { queue, ends } = open();
    queue.pause();
    pushAll(queue, 1);
    queue.end(null);
    queue.resume();
    expect([await queue.next(), ends]).toEqual([{ done: true, value: undefined }, [1]]);
    const [{ queue: piped }, reader] = [open(), new Reader()];
    piped.pipe(reader);
    piped.pause();
    pushAll(piped, 1);
    piped.end(failure);
    piped.resume();
    expect([reader.heard, reader.ended]).toEqual([[], failure]);
  });

  it('is congested by its own events, and gives room when it resumes', () => {
    const [{ queue }, reader] = [open(), new Reader()];
    queue.pipe(reader);
    queue.pause();
    for (let n = 0; n < LOW; n += 1) queue.push({ n });
    expect(queue.isCongested()).toBe(true);
    const told: string[] = [];
    queue.onRoom(() => told.push('room'));
    queue.resume();
    expect([told, queue.isCongested()]).toEqual([['room'], false]);
    // Released to a full reader, the wait goes on there.
    queue.pause();
    for (let n = 0; n < LOW; n += 1) queue.push({ n });
    queue.onRoom(() => told.push('later'));
    reader.isFull = true;
    queue.resume();
    expect(told).toEqual(['room']);
    reader.isFull = false;
    reader.gate.open();
    expect(told).toEqual(['room', 'later']);
  });

  it('may end while it resumes', () => {
    const [{ queue, ends }, reader] = [open(), new Reader()];
    queue.pipe(reader);
    queue.pause();
    pushAll(queue, 1, 2);
    reader.push = ({ n }) => {
      reader.heard.push(n);
      queue.end(null);
    };
    queue.resume();
    expect([reader.heard, reader.ended, ends]).toEqual([[1], null, [1]]);
  });
});

it('whatever is done to a queue, its reader hears each event once and in order, less those withdrawn or lost at the end', () => {
  const step = fc.constantFrom('push', 'pause', 'resume', 'pause right', 'resume right', 'pipe', 'withdraw odd');
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, isPausedAtEnd) => {
      const { queue } = open();
      const reader = new Reader();
      const due: number[] = [];
      const held: number[] = [];
      let [isToken, isRight, isPiped] = [false, false, false];
      let count = 0;
      const settle = (): void => {
        if (!isToken && !isRight && isPiped) due.push(...held.splice(0));
      };
      for (const each of steps) {
        if (each === 'push') {
          held.push(count);
          queue.push({ n: count });
          count += 1;
        }
        if (each === 'withdraw odd') {
          held.splice(0, held.length, ...held.filter((n) => n % 2 === 0));
          queue.withdraw(({ n }) => n % 2 === 1);
        }
        if (each.endsWith('right')) {
          isRight = each.startsWith('pause');
          if (isRight) queue.pause(PAUSED_FOR.right);
          else queue.resume(PAUSED_FOR.right);
        } else if (each === 'pause' || each === 'resume') {
          isToken = each === 'pause';
          queue[each]();
        }
        if (each === 'pipe' && !isPiped) {
          isPiped = true;
          queue.pipe(reader);
        }
        settle();
        expect(reader.heard).toEqual(due);
      }
      if (isPausedAtEnd) queue.pause();
      queue.end(null);
      expect(reader.heard).toEqual(due);
    }),
  );
});
