/** Small parts of every transport: deadlines, ends, closes as errors, omitted fields, checks of reading. */
import { CLOSE_CODES, TOO_SLOW } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { closingError } from '../../src/transport/peers/closing-error.ts';
import { Deadline } from '../../src/transport/peers/deadline.ts';
import { leaveOutEmpty, withoutEmpty } from '../../src/transport/peers/left-out.ts';
import { Lifetime } from '../../src/transport/peers/lifetime.ts';
import { UnidentifiedRates } from '../../src/transport/peers/unidentified-rates.ts';
import { UnidentifiedSockets } from '../../src/transport/peers/unidentified-sockets.ts';
import { EchoBuffer } from '../../src/transport/raw/echo-buffer.ts';
import { connectionKey, SilentClients } from '../../src/transport/streams/silent-clients.ts';
import { messageOf } from '../../src/transport/websocket/hashed-frame.ts';
import { ReadingCheck } from '../../src/transport/websocket/reading-check.ts';
import { SocketClose } from '../../src/transport/websocket/socket-close.ts';
import { StillClock } from '../support/still-clock.ts';

describe('a deadline of many', () => {
  it('is that of each from its own beginning, with one timer', () => {
    const clock = new StillClock();
    const late: string[] = [];
    const deadline = new Deadline<string>(clock, 100, (item) => late.push(item));
    deadline.begin('one');
    clock.advance(40);
    deadline.begin('two');
    deadline.begin('in time');
    expect(clock.pending).toBe(1);
    clock.advance(59);
    expect(late).toEqual([]);
    clock.advance(1);
    expect([late, clock.pending]).toEqual([['one'], 1]);
    deadline.end('in time');
    deadline.end('one');
    clock.advance(39);
    expect(late).toEqual(['one']);
    clock.advance(1);
    expect([late, clock.pending]).toEqual([['one', 'two'], 0]);
    deadline.begin('three');
    deadline.end('three');
    expect(clock.pending).toBe(0);
    deadline.begin('four');
    clock.advance(100);
    expect(late).toEqual(['one', 'two', 'four']);
  });

  it('may begin again for another while one is late', () => {
    const clock = new StillClock();
    const late: string[] = [];
    const deadline = new Deadline<string>(clock, 100, (item) => {
      late.push(item);
      if (late.length === 1) deadline.begin('again');
    });
    deadline.begin('one');
    clock.advance(50);
    deadline.begin('two');
    clock.advance(50);
    expect([late, clock.pending]).toEqual([['one'], 1]);
    clock.advance(50);
    expect(late).toEqual(['one', 'two']);
    clock.advance(50);
    expect([late, clock.pending]).toEqual([['one', 'two', 'again'], 0]);
  });
});

describe('the life of a peer', () => {
  function open() {
    const clock = new StillClock();
    const told: string[] = [];
    const lifetime = new Lifetime(clock, {
      cut: () => void told.push('cut'),
      onPeerEnd: () => void told.push('owner ended'),
      onPeerClosed: () => void told.push('owner closed'),
    });
    lifetime.listen({
      onPeerEnd: () => void told.push('ended'),
      onPeerClosed: () => void told.push('closed'),
    });
    return { clock, told, lifetime };
  }

  it('ends before it closes: listeners first, then the owner, then acts', () => {
    const { clock, told, lifetime } = open();
    lifetime.onEnd(() => told.push('act of the end'));
    lifetime.onClose(() => told.push('act of the close'));
    lifetime.onEnd(() => told.push('removed'))();
    lifetime.onClose(() => told.push('removed'))();
    expect([lifetime.isOpen, lifetime.isClosed]).toEqual([true, false]);
    lifetime.close();
    lifetime.close();
    lifetime.end();
    expect(told).toEqual(['ended', 'owner ended', 'act of the end', 'closed', 'owner closed', 'act of the close']);
    expect([lifetime.isOpen, lifetime.isClosed, clock.pending]).toEqual([false, true, 0]);
    lifetime.onEnd(() => told.push('at once'))();
    lifetime.onClose(() => told.push('at once, too'))();
    expect(told.slice(-2)).toEqual(['at once', 'at once, too']);
  });

  it('is cut off at the shortest of its deadlines, the usual one if none is given', () => {
    const { clock, told, lifetime } = open();
    lifetime.end();
    expect([lifetime.isOpen, lifetime.isClosed]).toEqual([false, false]);
    lifetime.end(TIMES.terminateMs);
    lifetime.end(TIMES.terminateMs + 1);
    clock.advance(TIMES.terminateMs - 1);
    expect(told).toEqual(['ended', 'owner ended']);
    clock.advance(1);
    expect(told.at(-1)).toBe('cut');
    const other = open();
    other.lifetime.end(1_000);
    other.lifetime.end(10);
    other.clock.advance(10);
    expect(other.told.filter((each) => each === 'cut')).toHaveLength(1);
    other.clock.advance(10_000);
    expect(other.told.filter((each) => each === 'cut')).toHaveLength(1);
  });
});

it.each([
  [CLOSE_CODES.TOKEN_EXPIRED, '', { code: 'UNAUTHENTICATED', reason: 'EXPIRED' }],
  [CLOSE_CODES.UNAUTHORIZED, '', { code: 'UNAUTHENTICATED', reason: 'REVOKED' }],
  [CLOSE_CODES.TOO_MANY, '', { code: 'RATE_LIMITED', retryAfterMs: TIMES.refusedRetryMs }],
  [CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW, { code: 'SERVICE_UNAVAILABLE', reason: 'SLOW_READER' }],
  [CLOSE_CODES.TRY_AGAIN_LATER, 'Over capacity', { code: 'SERVICE_UNAVAILABLE', reason: undefined }],
  [CLOSE_CODES.SERVICE_RESTART, '', { code: 'SERVICE_UNAVAILABLE', reason: undefined }],
])('a close with %i %s is the error of its operations', (code, reason, error) => {
  expect(closingError(code, reason)).toMatchObject(error);
});

describe('empty optional fields', () => {
  it('of a body are left out, and nothing else', () => {
    const body = { query: '', operationName: '', variables: '', extensions: { a: '' } };
    leaveOutEmpty(body);
    expect(body).toEqual({ query: '', extensions: { a: '' } });
    for (const other of [null, undefined, 'text', 7]) expect(() => leaveOutEmpty(other)).not.toThrow();
  });

  it.each([
    ['/graphql', '/graphql'],
    ['/graphql?query={a}&variables=&operationName=', '/graphql?query={a}'],
    ['/graphql?variables=&query={a}', '/graphql?query={a}'],
    ['/graphql?extensions=', '/graphql?'],
    ['/graphql?query=&variables={}', '/graphql?query=&variables={}'],
    ['/graphql?myvariables=&variables=1', '/graphql?myvariables=&variables=1'],
  ])('of the URL %s are left out', (url, without) => {
    expect(withoutEmpty(url)).toBe(without);
  });

  it('of a frame are left out; a hash without a document gets an empty one', () => {
    const hashed = { type: 'subscribe', payload: { variables: '', extensions: { persistedQuery: {} } } };
    expect(messageOf(JSON.stringify(hashed))).toEqual({
      type: 'subscribe',
      payload: { extensions: { persistedQuery: {} }, query: '' },
    });
    const named = { type: 'subscribe', payload: { query: '{ a }', extensions: { persistedQuery: {} } } };
    expect(messageOf(JSON.stringify(named))).toEqual(named);
    for (const other of [
      { type: 'next', payload: { variables: '' } },
      { type: 'subscribe', payload: { extensions: {} } },
      { type: 'subscribe', payload: { extensions: null } },
      { type: 'subscribe', payload: null },
      { type: 'subscribe', payload: 'text' },
    ])
      expect(messageOf(JSON.stringify(other))).toEqual(other);
    for (const text of ['{', '7', 'null', '"text"']) expect(messageOf(text)).toBe(text);
  });
});

it('a check of reading is answered by its own pong, one at a time', () => {
  const check = new ReadingCheck();
  const told: string[] = [];
  const first = check.begin(() => told.push('first'));
  expect([first, check.begin(() => told.push('second'))]).toEqual(['1', null]);
  check.answer('0');
  check.answer('');
  expect(told).toEqual([]);
  check.answer('1');
  check.answer('1');
  expect(told).toEqual(['first']);
  expect(check.begin(() => told.push('third'))).toBe('2');
  check.answer('1');
  check.answer('2');
  expect(told).toEqual(['first', 'third']);
});

describe('the end of a socket', () => {
  it('has the code and the reason of who closed first', () => {
    const ours = new SocketClose();
    expect([ours.closedWith, ours.wasClean]).toEqual([{ code: 1006, reason: '' }, false]);
    expect(ours.begin(1013, 'busy')).toBe('busy');
    ours.end(1013, 'theirs');
    expect([ours.closedWith, ours.wasClean]).toEqual([{ code: 1013, reason: 'busy' }, true]);
    const theirs = new SocketClose();
    theirs.end(4000, 'done');
    expect([theirs.closedWith, theirs.wasClean]).toEqual([{ code: 4000, reason: 'done' }, false]);
    for (const code of [1000, 1001, 1005]) {
      const goodbye = new SocketClose();
      goodbye.end(code, '');
      expect([SocketClose.isOfReader(code), goodbye.wasClean]).toEqual([true, true]);
    }
    expect([SocketClose.isOfReader(1002), SocketClose.isOfReader(1006)]).toEqual([false, false]);
  });

  it('without a close frame has the code that we gave first', () => {
    const goodbye = new SocketClose();
    goodbye.onLibraryClose(1009);
    goodbye.onLibraryClose(1000);
    goodbye.end(1006, '');
    expect([goodbye.closedWith.code, goodbye.wasClean]).toEqual([1009, false]);
    const cut = new SocketClose();
    cut.end(1006, '');
    expect(cut.closedWith.code).toBe(1006);
    const said = new SocketClose();
    said.begin(1012, '');
    said.end(1006, '');
    expect([said.closedWith.code, said.wasClean]).toEqual([1012, false]);
  });

  it('has a reason that fits into its frame', () => {
    expect(new SocketClose().begin(1013, 'x'.repeat(123))).toHaveLength(123);
    expect(new SocketClose().begin(1013, 'x'.repeat(124))).toHaveLength(123);
    expect(Buffer.byteLength(new SocketClose().begin(1013, 'é'.repeat(100)))).toBe(122);
  });

  it('reads no further frames after a thousand', () => {
    const goodbye = new SocketClose();
    const pauses: number[] = [];
    const socket = { pause: () => void pauses.push(1) } as never;
    for (let nth = 1; nth < LIMITS.queuedFrames; nth += 1) goodbye.ignoreFrame(socket);
    expect(pauses).toEqual([]);
    goodbye.ignoreFrame(socket);
    goodbye.ignoreFrame(socket);
    expect(pauses).toEqual([1]);
  });
});

describe('sockets whose user is unknown', () => {
  it('of one address come at a rate; those that are known do not count', () => {
    const clock = new StillClock();
    const strangers = new UnidentifiedRates(2, clock);
    const admitted = (count: number): number =>
      Array.from({ length: count }, () => strangers.admit('one')).filter(Boolean).length;
    expect(admitted(LIMITS.strangersAtOnce + 5)).toBe(LIMITS.strangersAtOnce);
    expect(strangers.admit('other')).toBe(true);
    clock.advance(1_000);
    expect(admitted(5)).toBe(2);
    strangers.recognise('one');
    strangers.recognise('unknown');
    expect(admitted(5)).toBe(1);
  });

  it('have a share of the places, and the oldest makes room', () => {
    const told: string[] = [];
    const sentAway: number[] = [];
    const unidentified = new UnidentifiedSockets(4, () => void sentAway.push(1));
    const socketOf = (name: string) => ({
      close: (code: number) => void told.push(`${name} ${code}`),
      cut: () => void told.push(`${name} cut`),
    });
    const [one, two, three] = [socketOf('one'), socketOf('two'), socketOf('three')];
    unidentified.sendOldestAway();
    unidentified.add(one);
    unidentified.add(two);
    expect([unidentified.size, told, sentAway]).toEqual([2, [], []]);
    unidentified.remove(one);
    unidentified.add(one);
    unidentified.add(three);
    expect([unidentified.size, told, sentAway]).toEqual([2, ['two 1013', 'two cut'], [1]]);
    const single = new UnidentifiedSockets(1, () => undefined);
    single.add(one);
    expect(single.size).toBe(1);
  });
});

describe('events held while an own message is sent', () => {
  it('have caps, make a replay wait at half of one, and are released in order', () => {
    const held = new EchoBuffer(100);
    const told: object[] = [];
    const events = [{ n: 1 }, { n: 2 }, { n: 3 }];
    expect([held.add(Buffer.alloc(50), events[0] as object), held.isFull]).toEqual([true, false]);
    expect([held.add(Buffer.alloc(1), events[1] as object), held.isFull]).toEqual([true, true]);
    held.onRelease(() => told.push({ released: true }));
    expect(held.add(Buffer.alloc(49), events[2] as object)).toBe(true);
    expect(held.add(Buffer.alloc(1), {})).toBe(false);
    held.release((_payload, event) => told.push(event));
    expect(told).toEqual([...events, {}, { released: true }]);
    expect([held.isFull, held.add(Buffer.alloc(100), {})]).toEqual([false, true]);
    const many = new EchoBuffer(Number.POSITIVE_INFINITY);
    for (let nth = 0; nth < LIMITS.queuedEvents; nth += 1) expect(many.add(Buffer.alloc(1), {})).toBe(true);
    expect(many.add(Buffer.alloc(1), {})).toBe(false);
  });
});

describe('clients that acknowledge nothing', () => {
  const socketOf = (remotePort: number) =>
    ({ localAddress: '127.0.0.1', localPort: 80, remoteAddress: '127.0.0.1', remotePort }) as never;

  it('are cut off after their time, unless they acknowledge meanwhile or are forgotten', async () => {
    const clock = new StillClock();
    const retries = new Map<string, number>();
    let isShown = true;
    const silent = new SilentClients(clock, 600, async () => (isShown ? retries : null));
    const told: string[] = [];
    const [one, two] = [connectionKey(socketOf(1)) as string, connectionKey(socketOf(2)) as string];
    const forget = [
      silent.watch(socketOf(1), () => told.push('one')),
      silent.watch(socketOf(2), () => told.push('two')),
    ];
    expect([silent.watch({} as never, () => told.push('never')), clock.pending]).toEqual([expect.any(Function), 1]);
    const pass = async (): Promise<void> => {
      clock.advance(100);
      for (let nth = 0; nth < 3; nth += 1) await Promise.resolve();
      await new Promise((resolve) => void setImmediate(resolve));
    };
    await pass();
    for (let nth = 1; nth <= 7; nth += 1) {
      retries.set(one, nth);
      // This one acknowledges something once.
      retries.set(two, nth === 4 ? 1 : nth);
      await pass();
      expect(told).toEqual(nth < 7 ? [] : ['one']);
    }
    isShown = false;
    await pass();
    await pass();
    expect(told).toEqual(['one']);
    isShown = true;
    retries.delete(one);
    forget[0]?.();
    retries.set(two, 9);
    await pass();
    expect(told).toEqual(['one', 'two']);
    forget[1]?.();
    expect(clock.pending).toBe(0);
    forget[1]?.();
    silent.watch(socketOf(1), () => undefined);
    expect(clock.pending).toBe(1);
  });
});
