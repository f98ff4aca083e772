/** The unsent bytes of all connections have a cap, over which the fullest connections are closed (G10). */
import { connect, type Socket } from 'node:net';
import { CLOSE_CODES } from '../../src/errors.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import { type PeerBytes, UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { metric } from '../support/metrics.ts';
import { startTestService, type TestService } from '../support/service.ts';

class Guest {
  isOpen = true;
  isCut = false;
  closedWith: number | null = null;
  close(code: number): void {
    this.isOpen = false;
    this.closedWith = code;
  }
  cut(): void {
    this.isOpen = false;
    this.isCut = true;
  }
}

describe('unsent bytes', () => {
  it('are counted, and released', () => {
    const unsent = new UnsentBytes(1_000);
    const accounts = [new Guest(), new Guest()].map((guest) => unsent.account(guest));
    for (const account of accounts) account.update(300);
    accounts[0]?.update(100);
    expect(unsent.bytes).toBe(400);
    for (const account of accounts) account.update(0);
    expect(unsent.bytes).toBe(0);
  });

  it('past their cap, close the fullest connection with 1013, and no other', async () => {
    const unsent = new UnsentBytes(1_000);
    const guests = [100, 400, 300, 150].map((bytes) => {
      const guest = new Guest();
      unsent.account(guest).update(bytes);
      return guest;
    });
    await eventually(() => expect(guests[1]?.closedWith).toBe(CLOSE_CODES.TRY_AGAIN_LATER));
    expect(guests.map(({ isOpen }) => isOpen)).toEqual([true, false, true, true]);
    expect(guests.some(({ isCut }) => isCut)).toBe(false);
  });

  it('are bounded: a connection that was closed and still holds them is cut off', async () => {
    const unsent = new UnsentBytes(1_000);
    const told = new Guest();
    unsent.account(told).update(900);
    await eventually(() => expect(told.isOpen).toBe(false));
    expect(told.isCut).toBe(false);
    const other = new Guest();
    unsent.account(other).update(200);
    await eventually(() => expect(told.isCut).toBe(true));
    expect(other.isOpen).toBe(true);
    expect(unsent.bytes).toBe(200);
  });
});

describe('received bytes that are not handled yet', () => {
  const MOST = 100 * LIMITS.smallBytes;

  /** Holds what it is told to, until it is turned away. */
  class Sender {
    isTurnedAway = false;
    readonly parcel: PeerBytes;
    constructor(unhandled: UnhandledBytes) {
      this.parcel = unhandled.of(this);
    }

    turnAway(): void {
      this.isTurnedAway = true;
      this.parcel.update(0, this.parcel.bytes - this.parcel.waiting);
    }
  }

  it('G10, G18: have a cap under any acts of peers, and small senders are not turned away', () => {
    const act = fc.tuple(fc.nat(199), fc.integer({ min: 1, max: MOST / 5 }), fc.constantFrom('send', 'begin', 'end'));
    fc.assert(
      fc.property(fc.array(act, { maxLength: 500 }), (acts) => {
        const unhandled = new UnhandledBytes(MOST);
        const senders = Array.from({ length: 200 }, () => new Sender(unhandled));
        // One half sends little. Together it is less than what is kept for them.
        for (const [index, bytes, kind] of acts) {
          const { parcel } = senders[index] as Sender;
          const size = index % 2 === 0 ? (bytes % (LIMITS.smallBytes / 2)) + 1 : bytes;
          const inHand = parcel.bytes - parcel.waiting;
          if (kind === 'send') parcel.update(size, inHand);
          else if (kind === 'end') parcel.update(parcel.waiting, 0);
          else if (unhandled.hasRoomFor(size - inHand)) parcel.update(0, size);
          expect(unhandled.bytes).toBeLessThanOrEqual(MOST * 2);
        }
        const sum = senders.reduce((bytes, { parcel }) => bytes + parcel.bytes, 0);
        expect(unhandled.bytes).toBe(sum);
        expect(senders.filter(({ isTurnedAway }, index) => isTurnedAway && index % 2 === 0)).toEqual([]);
        for (const { parcel } of senders) parcel.update(0, 0);
        expect(unhandled.bytes).toBe(0);
      }),
      { seed: 1, numRuns: 30 },
    );
  });
});

/** Each answer has 800,000 characters, and each connection is made to hold one at least: together more than the cap of all. */
const COUNT = 2;
const CAP_MIB = 1;
const LOOKS = 3;

describe('unread answers', () => {
  let service: TestService;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await service.close();
  });

  /**
   * Makes so many connections that read no answer; what it gives makes each ask once more. The kernel has room for some
   * megabytes of answers, and the service reads no further from whom it holds one.
   */
  async function ask(count: number): Promise<() => Promise<void>> {
    await service.query('alice', 'mutation { createConversation(input: {id: "long"}) { id } }');
    const send = 'mutation ($c: String!) { sendMessage(input: {conversationId: "long", content: $c}) { id } }';
    for (let n = 0; n < 100; n += 1) await service.query('alice', send, { c: `${n}${'x'.repeat(7_900)}` });
    const token = await service.token('alice');
    const body = JSON.stringify({
      query: '{ conversation(id: "long") { messages(last: 100) { nodes { content } } } }',
    });
    const request =
      `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    while (sockets.length < count) {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => undefined);
      socket.pause();
      sockets.push(socket);
    }
    return async () => {
      const before = await operations();
      for (const socket of sockets) socket.write(request);
      await eventually(async () => {
        const isOver = (await held()) > 0 || cutOff() > 0;
        expect(isOver || (await operations()) > before).toBe(true);
      });
    };
  }
  const operations = (): Promise<number> => metric(service.url, 'realtime_engine_operation_seconds_count');
  const held = (): Promise<number> => metric(service.url, 'realtime_queued_bytes');
  /** By the failure to write an empty line, which is nothing between requests, one that does not read knows it. */
  const cutOff = (): number => {
    for (const socket of sockets) socket.write('\r\n');
    return sockets.filter(({ destroyed }) => destroyed).length;
  };

  it('count together with the unsent bytes of sockets: the fullest connections are cut off', async () => {
    service = await startTestService({ env: { MAX_MEMORY_QUEUED: `${CAP_MIB}MiB` } });
    const askMore = await ask(COUNT);
    await eventually(async () => {
      await askMore();
      expect(cutOff()).toBeGreaterThan(0);
    });
    await eventually(async () => expect(await held()).toBeLessThanOrEqual(CAP_MIB * 1_048_576));
  });

  it('are cut off after a minute', async () => {
    service = await startTestService();
    const askMore = await ask(1);
    await eventually(async () => {
      await askMore();
      // An answer on its way to the kernel is held for a moment, too.
      for (let look = 0; look < LOOKS; look += 1) expect(await held()).toBeGreaterThan(0);
    });
    service.clock.advance(TIMES.unreadAnswerMs + 1_000);
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await held()).toBe(0);
    });
  });
});
