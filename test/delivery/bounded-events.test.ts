/** Events that wait in memory for a read or a rendering, and their caps. */

import { BoundedEvents } from '../../src/delivery/bounded-events.ts';
import { ArrivedTexts } from '../../src/delivery/conversations/arrived-texts.ts';
import { EventQueue } from '../../src/delivery/event-queue.ts';
import { LIMITS } from '../../src/limits.ts';
import type { MessageId, MessageRecord } from '../../src/model.ts';

describe('announcements during a read of the log', () => {
  const extension = { messageId: 'm' as MessageId, offset: 0, text: '', length: 0 };
  const started = { content: '', payload: null } as unknown as MessageRecord;
  const half = 'x'.repeat(LIMITS.queuedEventBytes / 2);

  it('are kept in order', () => {
    const arrived = new ArrivedTexts();
    arrived.start(started);
    for (let offset = 0; offset < 3; offset += 1) arrived.extend({ ...extension, offset });
    expect([arrived.started, arrived.extensions.map(({ offset }) => offset)]).toEqual([[started], [0, 1, 2]]);
    expect(arrived.isOver).toBe(false);
  });

  it.each<[string, (arrived: ArrivedTexts) => void]>([
    ['texts', (arrived) => arrived.extend({ ...extension, text: half })],
    ['payloads that are objects', (arrived) => arrived.extend({ ...extension, payload: { half } })],
    ['payloads that are strings', (arrived) => arrived.extend({ ...extension, payload: half })],
    ['texts of messages that begin', (arrived) => arrived.start({ ...started, content: half })],
    ['payloads of messages that begin', (arrived) => arrived.start({ ...started, payload: [half] })],
  ])('are dropped past their cap: %s', (_, add) => {
    const arrived = new ArrivedTexts();
    arrived.start(started);
    arrived.extend(extension);
    add(arrived);
    expect([arrived.isOver, arrived.started.length + arrived.extensions.length]).toEqual([false, 3]);
    add(arrived);
    expect([arrived.isOver, arrived.started, arrived.extensions]).toEqual([true, [], []]);
    arrived.start(started);
    arrived.extend(extension);
    expect([arrived.isOver, arrived.started, arrived.extensions]).toEqual([true, [], []]);
  });

  it('each have a size, also when empty', () => {
    const arrived = new ArrivedTexts();
    for (let n = 0; n < LIMITS.queuedEventBytes / 100; n += 1) arrived.extend(extension);
    expect(arrived.isOver).toBe(true);
  });
});

describe('events that wait', () => {
  const eventOf = (n: number, content = ''): { event: object; since: number } => ({ event: { n, content }, since: n });
  const half = 'x'.repeat(LIMITS.queuedEventBytes / 2);

  const open = () => new BoundedEvents<{ event: object; since: number }, object>(({ event }) => event);

  it('are taken in order, which makes room', () => {
    const waiting = open();
    expect(waiting.take()).toBeUndefined();
    const [first, second] = [eventOf(1, half), eventOf(2, half)];
    expect([waiting.add(first), waiting.isLong(LIMITS.logPage)]).toEqual([true, true]);
    expect(waiting.add(second)).toBe(false);
    expect([waiting.take(), waiting.add(eventOf(3))]).toEqual([first, true]);
    expect([waiting.take(), waiting.isLong(LIMITS.logPage)]).toEqual([second, false]);
    expect(waiting.take()).toMatchObject({ since: 3 });
    expect([waiting.take(), waiting.add(eventOf(4, half))]).toEqual([undefined, true]);
  });

  it('make a replay wait at one number, and end it at another', () => {
    const waiting = open();
    for (let n = 1; n <= LIMITS.logPage; n += 1) waiting.add(eventOf(n));
    expect(waiting.isLong(LIMITS.logPage)).toBe(false);
    waiting.add(eventOf(0));
    expect(waiting.isLong(LIMITS.logPage)).toBe(true);
    for (let n = LIMITS.logPage + 2; n <= LIMITS.queuedEvents; n += 1) expect(waiting.add(eventOf(n))).toBe(true);
    expect(waiting.add(eventOf(0))).toBe(false);
  });

  it('free their room when withdrawn or taken together', () => {
    const waiting = open();
    const [kept, withdrawn] = [eventOf(1), eventOf(2, half)];
    waiting.add(withdrawn);
    waiting.add(kept);
    waiting.withdraw((event) => event === withdrawn.event);
    expect([waiting.isLong(LIMITS.logPage), waiting.add(eventOf(3, half)), waiting.take()]).toEqual([
      false,
      true,
      kept,
    ]);
    waiting.takeAll();
    expect([waiting.isLong(LIMITS.logPage), waiting.take(), waiting.add(withdrawn)]).toEqual([false, undefined, true]);
  });

  it('of a queue are not counted once they are withdrawn, and a replay goes on', () => {
    const ends: number[] = [];
    const queue = new EventQueue<{ n: number; content: string }>({ onQueueEnd: () => void ends.push(1) });
    const content = 'x'.repeat(LIMITS.queuedEventBytes / 2);
    let resumed = 0;
    queue.push({ n: 1, content });
    queue.onRoom(() => {
      resumed += 1;
    });
    expect([queue.isCongested(), resumed]).toEqual([true, 0]);
    queue.withdraw(() => true);
    expect([queue.isCongested(), resumed]).toEqual([false, 1]);
    queue.push({ n: 2, content });
    expect(ends).toEqual([]);
  });
});
