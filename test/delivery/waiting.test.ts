/** How what catches up waits, and what may queue meanwhile: each wait has an end, each queue a cap (F43, G10). */
import { Writable } from 'node:stream';
import { fixedBearer } from '../../src/access/bearer.ts';
import { nextTurn } from '../../src/clock.ts';
import { type BackPressure, Gate, resumeNow, roomOrEnd } from '../../src/delivery/back-pressure.ts';
import { ChannelRegistry } from '../../src/delivery/channel-registry.ts';
import { Merging } from '../../src/delivery/conversations/merging.ts';
import { EventQueue } from '../../src/delivery/event-queue.ts';
import { FollowCounts } from '../../src/delivery/follow-counts.ts';
import { openJointStream } from '../../src/delivery/joint-stream.ts';
import { type Outlet, RenderedStream, type Renderer } from '../../src/delivery/rendered-stream.ts';
import { Doubts } from '../../src/delivery/sessions/doubts.ts';
import { SharedRead } from '../../src/delivery/shared-read.ts';
import type { ServiceError } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { TextFrame } from '../../src/transport/peers/envelope.ts';
import { Lifetime } from '../../src/transport/peers/lifetime.ts';
import { Outbox } from '../../src/transport/peers/outbox.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { StillClock } from '../support/still-clock.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, viewerOf } from '../support/world.ts';

const RENDERER: Renderer = { render: () => Buffer.from('{}'), release: () => undefined };

const queueOf = (): EventQueue<object> => new EventQueue({ onQueueEnd: () => undefined });

class Reader implements Outlet {
  readonly delivered: object[] = [];
  readonly gate = new Gate();
  ended: ServiceError | null | undefined;
  isFull = false;
  deliver(_payload: Buffer, event: object): void {
    this.delivered.push(event);
  }
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

describe('a wait for room', () => {
  it('never ends in the same turn, so that it cannot block the event loop', async () => {
    const answers = fc.array(fc.boolean(), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(answers, async (congested) => {
        let turns = 0;
        let isOver = false;
        const count = (): void => {
          turns += 1;
          if (!isOver) setImmediate(count);
        };
        setImmediate(count);
        let asked = 0;
        // It says that there is room, and then that there is none.
        const room: BackPressure = { isCongested: () => congested[asked++] ?? false, onRoom: resumeNow };
        await roomOrEnd(room, () => true);
        isOver = true;
        expect(turns).toBeGreaterThanOrEqual(asked);
      }),
    );
  });

  it('ends with the stream, whether its queue is read or not, and leaves no listener', async () => {
    for (const isPiped of [false, true]) {
      const queue = queueOf();
      const reader = new Reader();
      reader.isFull = true;
      if (isPiped) new RenderedStream(queue, RENDERER, new TestClock()).pipe(reader);
      else queue.push({});
      let isOpen = true;
      const waited = roomOrEnd(queue, () => isOpen);
      await nextTurn();
      isOpen = false;
      await queue.return();
      expect(await waited).toBe(false);
      expect(reader.gate.isWaitedFor).toBe(false);
    }
  });
});

describe('the queue of a reader', () => {
  it('has a cap in number and in bytes', () => {
    const many = queueOf();
    for (let n = 0; n <= LIMITS.queuedEvents; n += 1) many.push({ n });
    const large = queueOf();
    const event = { content: 'x'.repeat(LIMITS.queuedEventBytes / 4) };
    for (let n = 0; n < 4; n += 1) large.push(event);
    for (const queue of [many, large]) {
      const reader = new Reader();
      new RenderedStream(queue, RENDERER, new TestClock()).pipe(reader);
      expect(reader.ended?.isSlowReader).toBe(true);
    }
  });

  /** A stream whose renderings take until they are told; how many were begun. */
  function slowly() {
    const queue = queueOf();
    const reader = new Reader();
    const clock = new TestClock();
    const begun: ((payload: Buffer) => void)[] = [];
    const render = (): Promise<Buffer> => new Promise((resolve) => begun.push(resolve));
    const stream = new RenderedStream(queue, { render, release: () => undefined }, clock);
    stream.pipe(reader);
    const settle = async (): Promise<void> => {
      begun.at(-1)?.(Buffer.from('{}'));
      // What is rendered next may have to wait for a turn of its own.
      await nextTurn();
      await nextTurn();
    };
    return { queue, reader, clock, begun, stream, settle };
  }

  it('has a cap in bytes behind a slow rendering', async () => {
    const { queue, reader, settle } = slowly();
    const content = 'x'.repeat(LIMITS.queuedEventBytes / 4);
    for (let n = 0; n < 4; n += 1) queue.push({ n, content });
    expect(reader.ended).toBeUndefined();
    expect(queue.isCongested()).toBe(true);
    queue.push({ n: 4, content });
    expect(reader.ended?.isSlowReader).toBe(true);
    await settle();
    expect(reader.delivered).toEqual([]);
  });

  it('has a cap in number behind a slow rendering', () => {
    const { queue, reader, begun } = slowly();
    for (let n = 0; n <= LIMITS.queuedEvents; n += 1) queue.push({ n });
    expect(reader.ended).toBeUndefined();
    queue.push({});
    expect(reader.ended?.isSlowReader).toBe(true);
    expect(begun).toHaveLength(1);
  });

  it('is rendered in order, then ended, without withdrawn events', async () => {
    const { queue, reader, begun, settle, clock } = slowly();
    const events = Array.from({ length: 5 }, (_, n) => ({ n }));
    for (const event of events) queue.push(event);
    queue.withdraw((event) => event === events[0] || event === events[3]);
    queue.end(null);
    for (let n = 1; n <= 4; n += 1) {
      expect(begun).toHaveLength(n);
      expect(reader.ended).toBeUndefined();
      await settle();
    }
    await eventually(() => expect(reader.ended).toBeNull());
    expect(reader.delivered).toEqual([events[1], events[2], events[4]]);
    expect(begun).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it('gives room to a replay once few events wait, and not before', async () => {
    const { queue, begun, settle, stream } = slowly();
    for (let n = 0; n <= LIMITS.logPage + 2; n += 1) queue.push({ n });
    const told: string[] = [];
    queue.onRoom(() => told.push('room'));
    await settle();
    await eventually(() => expect(begun).toHaveLength(2));
    expect(told).toEqual([]);
    await settle();
    await eventually(() => expect(begun).toHaveLength(3));
    expect(told).toEqual(['room']);
    stream.close();
  });

  it('gives room to a replay with its reader where nothing waits to be rendered', () => {
    const { queue, reader, stream } = slowly();
    reader.isFull = true;
    const told: string[] = [];
    queue.onRoom(() => told.push('room'));
    expect(told).toEqual([]);
    reader.gate.open();
    expect(told).toEqual(['room']);
    stream.close();
  });

  it('is not rendered once the stream is closed', async () => {
    const { queue, begun, stream, settle, clock } = slowly();
    for (let n = 0; n < 5; n += 1) queue.push({ n });
    stream.close();
    await settle();
    expect(begun).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it('ends the stream when a rendering takes too long, however many finished meanwhile', async () => {
    const { queue, reader, settle, clock } = slowly();
    for (let n = 0; n < 5; n += 1) queue.push({ n });
    clock.advance(TIMES.renderWaitMs / 2);
    await settle();
    expect(reader.delivered).toHaveLength(1);
    queue.push({ n: 5 });
    clock.advance(TIMES.renderWaitMs / 2);
    expect(reader.ended?.isSlowReader).toBe(true);
  });

  it('releases its resources once: when it is closed, also if it was never read, or at its end', () => {
    let released = 0;
    const release = (): void => {
      released += 1;
    };
    const open = () => new RenderedStream(queueOf(), { ...RENDERER, release }, new TestClock());
    const [unread, ended] = [open(), open()];
    unread.close();
    unread.close();
    expect(released).toBe(1);
    ended.end(null);
    expect(released).toBe(2);
    ended.close();
    expect(released).toBe(2);
  });
});

describe('an outbox whose peer ended', () => {
  const FRAME = new TextFrame('', '');

  it('writes nothing more, releases all waits, and reports the last frame that it wrote', async () => {
    const written: Buffer[] = [];
    // Takes the first write and never says that it is done.
    const target = new Writable({ write: (chunk: Buffer) => void written.push(chunk) });
    const lifetime = new Lifetime(new TestClock(), { cut: () => undefined });
    const unsent = new UnsentBytes(1_000_000);
    const account = unsent.account({ isOpen: true, close: () => undefined, cut: () => undefined });
    const outbox = new Outbox(target, {
      maxQueuedBytes: 1_000,
      lifetime,
      account,
      owner: { onOverflow: () => undefined },
    });
    outbox.write(FRAME, Buffer.alloc(800));
    outbox.flush();
    expect(unsent.bytes).toBeGreaterThan(800);
    const waited = roomOrEnd(outbox, () => lifetime.isOpen);
    const last = outbox.write(FRAME, Buffer.from('"dropped"'));
    lifetime.end();
    outbox.write(FRAME, Buffer.from('"late"'));
    outbox.flush();
    expect(await waited).toBe(false);
    expect(outbox.isCongested()).toBe(false);
    expect(outbox.written).toBe(last - 1);
    expect(Buffer.concat(written).includes('dropped')).toBe(false);
    lifetime.close();
    expect(unsent.bytes).toBe(0);
  });
});

describe('a stream over several channels', () => {
  it('G10: leaves each channel once, whether it was open or being opened', async () => {
    const channels: { listeners: number; isClosed: boolean }[] = [];
    const open = () => {
      const channel = { listeners: 0, isClosed: false };
      channels.push(channel);
      return {
        open: async () => true,
        close: () => {
          channel.isClosed = true;
        },
        prepare: async () => () => {
          channel.listeners += 1;
        },
        remove: () => {
          channel.listeners -= 1;
        },
      };
    };
    const registry = new ChannelRegistry<ReturnType<typeof open>>();
    const joinings = ['one', 'two', 'one'].map((key) => ({
      key,
      create: open,
      prepare: (channel: ReturnType<typeof open>) => channel.prepare(),
    }));
    const stream = await openJointStream<object, ReturnType<typeof open>>(registry, joinings, {
      bearer: fixedBearer(viewerOf(alice)),
      doubts: new Doubts(),
      followCounts: new FollowCounts(2, 'things'),
    });
    expect(channels.map(({ listeners }) => listeners)).toEqual([1, 1]);
    await stream.return();
    await stream.return();
    expect(channels).toEqual([
      { listeners: 0, isClosed: true },
      { listeners: 0, isClosed: true },
    ]);
    expect(registry.all()).toEqual([]);
  });
});

describe('merged texts', () => {
  it('are sent at once after a pause, then once for each window, and not after they were forgotten', () => {
    const clock = new StillClock();
    const merging = new Merging(clock, 40);
    const told: string[] = [];
    const one = (): void => void told.push('one');
    const two = (): void => void told.push('two');
    merging.add(one);
    expect(told).toEqual(['one']);
    clock.advance(30);
    for (const each of [two, one, two]) merging.add(each);
    clock.advance(9);
    expect(told).toEqual(['one']);
    clock.advance(1);
    expect(told).toEqual(['one', 'two', 'one']);
    merging.add(one);
    merging.add(two);
    merging.forget(one);
    clock.advance(40);
    expect(told.splice(0)).toEqual(['one', 'two', 'one', 'two']);
    clock.advance(40);
    merging.add(one);
    merging.add(two);
    expect(told).toEqual(['one']);
    merging.close();
    clock.advance(40);
    expect(told).toEqual(['one']);
  });
});

describe('a shared read', () => {
  it('serves all who ask during another read, and is none that began before they asked', async () => {
    const reads: PromiseWithResolvers<string>[] = [];
    const head = new SharedRead(() => {
      const read = Promise.withResolvers<string>();
      reads.push(read);
      return read.promise;
    });
    const first = head.ask();
    const later = [head.ask(), head.ask()];
    expect(reads).toHaveLength(1);
    reads[0]?.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await eventually(() => expect(reads).toHaveLength(2));
    const last = head.ask();
    reads[1]?.resolve('second');
    expect(await Promise.all(later)).toEqual(['second', 'second']);
    await eventually(() => expect(reads).toHaveLength(3));
    reads[2]?.resolve('third');
    expect(await last).toBe('third');
  });
});
