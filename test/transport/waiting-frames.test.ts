/** The frames of one socket in its mailbox, and payloads in its outbox: caps, order, counts and ends, without a socket. */
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { Wrapping } from '../../src/transport/peers/envelope.ts';
import { Lifetime } from '../../src/transport/peers/lifetime.ts';
import { Outbox } from '../../src/transport/peers/outbox.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { Mailbox } from '../../src/transport/websocket/mailbox.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { StillClock } from '../support/still-clock.ts';

describe('a mailbox', () => {
  function open({ isStranger = false } = {}) {
    const unhandled = new UnhandledBytes(1e9);
    const clock = new StillClock();
    const handled: string[] = [];
    const told: string[] = [];
    const slow: (() => void)[] = [];
    const state = { isOpen: true, isStranger };
    const mailbox = new Mailbox(
      unhandled,
      {
        get isStranger() {
          return state.isStranger;
        },
        get isOpen() {
          return state.isOpen;
        },
        handle(text) {
          handled.push(text);
          if (text === 'broken') return Promise.reject(new Error(text));
          return text.startsWith('slow') ? new Promise<void>((resolve) => slow.push(resolve)) : undefined;
        },
        onRoom: () => void told.push('room'),
        onFailure: (error) => void told.push((error as Error).message),
        turnAway: () => void told.push('turned away'),
      },
      clock,
    );
    return { unhandled, clock, handled, told, slow, state, mailbox };
  }
  const FRAME_BYTES = 64;
  const socketOf = (buffered: number, fragments = 0) =>
    ({ _receiver: { _bufferedBytes: buffered, _fragments: Array.from({ length: fragments }) } }) as never;

  it('has a cap in number: a user alone should have waited, a gateway is not read on', () => {
    const { mailbox } = open();
    for (let nth = 0; nth < LIMITS.queuedFrames; nth += 1) expect(mailbox.add('x')).toBe('taken');
    expect(mailbox.add('x')).toBe('over');
    const gateway = open().mailbox;
    gateway.patientWith = 'gateway';
    for (let nth = 1; nth < LIMITS.queuedFrames; nth += 1) expect(gateway.add('x')).toBe('taken');
    expect([gateway.add('x'), gateway.add('x')]).toEqual(['full', 'full']);
  });

  it('has a cap in bytes, and a lower one while the sender is a stranger', () => {
    const most = 'x'.repeat(LIMITS.queuedFrameBytes);
    const { mailbox } = open();
    expect([mailbox.add(most), mailbox.add('x')]).toEqual(['taken', 'over']);
    const gateway = open().mailbox;
    gateway.patientWith = 'gateway';
    expect([gateway.add(most), gateway.add('x')]).toEqual(['taken', 'full']);
    for (const isStranger of [true, false]) {
      const stranger = open({ isStranger }).mailbox;
      stranger.patientWith = 'stranger';
      const few = 'x'.repeat(LIMITS.strangerBodyBytes);
      expect([stranger.add(few), stranger.add('x')]).toEqual(['taken', isStranger ? 'full' : 'taken']);
    }
    const unasked = open({ isStranger: true }).mailbox;
    expect(unasked.add('x'.repeat(LIMITS.strangerBodyBytes + 1))).toBe('taken');
  });

  it('handles one frame after the other, and says when it is half empty', async () => {
    const { mailbox, handled, slow, told, clock } = open();
    mailbox.add('slow 1');
    mailbox.begin();
    await eventually(() => expect(handled).toEqual(['slow 1']));
    mailbox.add('slow 2');
    mailbox.begin();
    mailbox.begin();
    await turn();
    expect(handled).toEqual(['slow 1']);
    clock.advance(TIMES.handlerMs - 1);
    expect(mailbox.hangs(clock.elapsed())).toBe(false);
    clock.advance(1);
    expect(mailbox.hangs(clock.elapsed())).toBe(true);
    slow.shift()?.();
    await eventually(() => expect(handled).toEqual(['slow 1', 'slow 2']));
    expect([mailbox.hangs(clock.elapsed()), told]).toEqual([false, ['room', 'room']]);
    slow.shift()?.();
    await turn();
    expect(mailbox.hangs(clock.elapsed() + TIMES.handlerMs)).toBe(false);
    mailbox.add('3');
    mailbox.begin();
    await eventually(() => expect(handled).toHaveLength(3));
  });

  it('has no room while more than half of a cap waits', async () => {
    const { mailbox, told, handled, slow } = open();
    for (let nth = 0; nth <= LIMITS.queuedFrames / 2; nth += 1) mailbox.add('slow');
    mailbox.begin();
    await eventually(() => expect(handled).toHaveLength(1));
    expect(told).toEqual([]);
    slow.shift()?.();
    await eventually(() => expect(handled).toHaveLength(2));
    expect(told).toEqual(['room']);
    const large = open();
    large.mailbox.add('slow');
    large.mailbox.add('x'.repeat(LIMITS.queuedFrameBytes / 2));
    large.mailbox.begin();
    await eventually(() => expect(large.handled).toHaveLength(1));
    expect(large.told).toEqual([]);
  });

  it('ends with a failure, and goes on with the next beginning', async () => {
    const { mailbox, handled, told, clock } = open();
    mailbox.add('broken');
    mailbox.add('2');
    mailbox.begin();
    await eventually(() => expect(told).toContain('broken'));
    expect([handled, mailbox.hangs(clock.elapsed() + TIMES.handlerMs)]).toEqual([['broken'], false]);
    mailbox.begin();
    await eventually(() => expect(handled).toEqual(['broken', '2']));
  });

  it('finishes the present frame, and handles no other', async () => {
    const { mailbox, handled, slow, told } = open();
    mailbox.finish(() => told.push('idle at once'));
    expect(told).toEqual(['idle at once']);
    mailbox.add('slow');
    mailbox.add('2');
    mailbox.begin();
    await eventually(() => expect(handled).toHaveLength(1));
    mailbox.finish(() => told.push('idle'));
    expect(told).not.toContain('idle');
    slow.shift()?.();
    await eventually(() => expect(told).toContain('idle'));
    await turn();
    expect(handled).toEqual(['slow']);
  });

  it('handles nothing of a sender that ended', async () => {
    const { mailbox, handled, state, slow } = open();
    mailbox.add('slow');
    mailbox.add('2');
    mailbox.begin();
    await eventually(() => expect(handled).toHaveLength(1));
    state.isOpen = false;
    slow.shift()?.();
    for (let nth = 0; nth < 3; nth += 1) await turn();
    expect(handled).toEqual(['slow']);
  });

  it('counts what waits and what is in hand; all of a stranger waits', async () => {
    for (const isStranger of [false, true]) {
      const { mailbox, unhandled, handled, slow } = open({ isStranger });
      mailbox.add('slow');
      mailbox.add('22');
      mailbox.take(Buffer.alloc(0), socketOf(0));
      expect(unhandled.bytes).toBe('slow22'.length + 2 * FRAME_BYTES);
      mailbox.begin();
      await eventually(() => expect(handled).toHaveLength(1));
      mailbox.take(Buffer.alloc(100), socketOf(100));
      expect(unhandled.bytes).toBe('slow22'.length + FRAME_BYTES + 100);
      // In hand are the bytes of the frame that is handled, unless its sender may still be sent away.
      const limit = new UnhandledBytes(1);
      expect([limit.hasRoomFor(LIMITS.smallBytes), unhandled.hasRoomFor(1e9 - 4)]).toEqual([false, true]);
      expect(unhandled.hasRoomFor(1e9 - 3)).toBe(isStranger);
      slow.shift()?.();
      await eventually(() => expect(handled).toHaveLength(2));
      mailbox.clear();
      expect(unhandled.bytes).toBe(0);
    }
  });

  it('of a gateway, which carries many users, is refused after those of others', () => {
    const told: string[] = [];
    const unhandled = new UnhandledBytes(40 * LIMITS.smallBytes);
    const fill = (name: string, patientWith: 'stranger' | 'gateway' | null, parts: number): void => {
      const sender = {
        isStranger: patientWith === 'stranger',
        isOpen: true,
        handle: () => undefined,
        onRoom: () => undefined,
        onFailure: () => undefined,
        turnAway: () => {
          told.push(name);
          mailbox.clear();
        },
      };
      const mailbox = new Mailbox(unhandled, sender, new StillClock());
      mailbox.patientWith = patientWith;
      mailbox.add('x'.repeat(parts * LIMITS.smallBytes));
      mailbox.take(Buffer.alloc(0), socketOf(0));
    };
    fill('gateway', 'gateway', 20);
    fill('user', null, 9);
    fill('stranger', 'stranger', 8);
    expect(told).toEqual([]);
    fill('last', null, 5);
    expect(told).toEqual(['user', 'stranger']);
  });

  it('counts fragments until their message is complete', () => {
    const { mailbox, unhandled } = open();
    mailbox.take(Buffer.alloc(10), socketOf(0, 1));
    mailbox.take(Buffer.alloc(5), socketOf(5, 1));
    expect(unhandled.bytes).toBe(15);
    mailbox.take(Buffer.alloc(7), socketOf(0));
    expect(unhandled.bytes).toBe(0);
    mailbox.take(Buffer.alloc(10), socketOf(1));
    mailbox.completed();
    mailbox.take(Buffer.alloc(3), socketOf(3));
    expect(unhandled.bytes).toBe(3);
  });
});

describe('an outbox', () => {
  const PLAIN = new Wrapping('', '');
  function open(maxQueuedBytes = 1_000) {
    const written: Buffer[] = [];
    const acknowledged: (() => void)[] = [];
    const target = new Writable({
      highWaterMark: 1e9,
      write(chunk: Buffer, _encoding, done) {
        written.push(Buffer.from(chunk));
        acknowledged.push(done);
      },
    });
    const clock = new StillClock();
    const told: string[] = [];
    const lifetime = new Lifetime(clock, { cut: () => undefined });
    const unsent = new UnsentBytes(1e9);
    const outbox = new Outbox(target, {
      maxQueuedBytes,
      lifetime,
      account: unsent.account({ isOpen: true, close: () => undefined, cut: () => undefined }),
      owner: { onOverflow: () => void told.push('overflow') },
    });
    const textOf = (): string => Buffer.concat(written).toString();
    return { outbox, target, lifetime, unsent, told, written, acknowledged, textOf };
  }

  it('writes the payloads of a turn in their envelopes, in order and at once; equal ones share their bytes', async () => {
    const piece = fc.tuple(fc.constantFrom('', '<', 'data: '), fc.constantFrom('a', 'é', 'bc'));
    const payloads = new Map(['a', 'é', 'bc'].map((text) => [text, Buffer.from(text)]));
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), fc.array(piece, { maxLength: 8 }), async (one, two) => {
        const boxes = [open(), open()];
        for (const [nth, pieces] of [one, two].entries())
          for (const [prefix, text] of pieces)
            boxes[nth]?.outbox.write(new Wrapping(prefix, prefix ? '>' : ''), payloads.get(text) as Buffer);
        await turn();
        for (const [nth, pieces] of [one, two].entries()) {
          const due = pieces.map(([prefix, text]) => `${prefix}${text}${prefix ? '>' : ''}`).join('');
          expect(boxes[nth]?.textOf()).toBe(due);
          expect(boxes[nth]?.written.length).toBe(pieces.length > 0 ? 1 : 0);
          expect(boxes[nth]?.outbox.written).toBe(pieces.length);
        }
      }),
    );
  });

  it('numbers the payloads, and knows the last that was written', async () => {
    const { outbox, lifetime, textOf } = open();
    expect([outbox.write(PLAIN, Buffer.from('a')), outbox.write(PLAIN, Buffer.from('b'))]).toEqual([1, 2]);
    expect([outbox.written, outbox.queuedBytes]).toEqual([0, 2]);
    outbox.flush();
    outbox.flush();
    expect([outbox.written, textOf()]).toEqual([2, 'ab']);
    expect(outbox.write(PLAIN, Buffer.from('c'))).toBe(3);
    lifetime.end();
    expect(outbox.write(PLAIN, Buffer.from('d'))).toBe(4);
    await turn();
    expect([outbox.written, textOf()]).toEqual([2, 'ab']);
  });

  it('overflows past its cap, and is congested past half of it', () => {
    const { outbox, told, unsent } = open(100);
    outbox.write(PLAIN, Buffer.alloc(50));
    expect(outbox.isCongested()).toBe(false);
    outbox.write(PLAIN, Buffer.alloc(1));
    expect(outbox.isCongested()).toBe(true);
    outbox.flush();
    outbox.write(PLAIN, Buffer.alloc(49));
    outbox.flush();
    expect([told, unsent.bytes, unsent.written]).toEqual([[], 100, 100]);
    outbox.write(PLAIN, Buffer.alloc(1));
    outbox.flush();
    expect(told).toEqual(['overflow']);
  });

  it('tells of room once enough was taken', async () => {
    const { outbox, acknowledged, unsent } = open(100);
    const told: string[] = [];
    outbox.onRoom(() => told.push('at once'));
    outbox.write(PLAIN, Buffer.alloc(40));
    outbox.flush();
    outbox.write(PLAIN, Buffer.alloc(40));
    outbox.flush();
    outbox.onRoom(() => told.push('room'));
    outbox.onRoom(() => told.push('cancelled'))();
    expect(told).toEqual(['at once']);
    acknowledged.shift()?.();
    await turn();
    expect([told, unsent.bytes]).toEqual([['at once', 'room'], 40]);
  });

  it('tells of room also when another writer filled its target', async () => {
    const { outbox, target, acknowledged } = open(100);
    const told: string[] = [];
    target.write(Buffer.alloc(80));
    outbox.onRoom(() => told.push('room'));
    expect([outbox.isCongested(), told]).toEqual([true, []]);
    acknowledged.shift()?.();
    // What tells of it is written behind, and writes nothing.
    await eventually(() => expect(acknowledged).toHaveLength(1));
    acknowledged.shift()?.();
    await turn();
    expect([told, target.writableLength]).toEqual([['room'], 0]);
  });

  it('gives up what waits with its peer, and counts nothing once it is closed', () => {
    const { outbox, lifetime, unsent, target } = open(100);
    const told: string[] = [];
    outbox.write(PLAIN, Buffer.alloc(80));
    outbox.flush();
    outbox.onRoom(() => told.push('room'));
    lifetime.end();
    expect([told, outbox.isCongested(), unsent.bytes]).toEqual([['room'], false, 80]);
    lifetime.close();
    expect([unsent.bytes, outbox.count(), target.writableLength]).toEqual([0, 0, 80]);
  });
});
