/** What all together make the service hold unread has a cap, and the fullest go first (G10). */
import { connect, type Socket } from 'node:net';
import { CLOSE_CODES } from '../../src/errors.ts';
import { TIMES } from '../../src/limits.ts';
import { Unsent } from '../../src/transport/unsent.ts';
import { eventually } from '../support/eventually.ts';
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

describe('what is unsent', () => {
  it('is counted, and given back', () => {
    const unsent = new Unsent(1_000);
    const accounts = [new Guest(), new Guest()].map((guest) => unsent.account(guest));
    for (const account of accounts) account.update(300);
    accounts[0]?.update(100);
    expect(unsent.bytes).toBe(400);
    for (const account of accounts) account.update(0);
    expect(unsent.bytes).toBe(0);
  });

  it('past its cap, costs the fullest their connection with 1013, and the others nothing', async () => {
    const unsent = new Unsent(1_000);
    const guests = [100, 400, 300, 150].map((bytes) => {
      const guest = new Guest();
      unsent.account(guest).update(bytes);
      return guest;
    });
    await eventually(() => expect(guests[1]?.closedWith).toBe(CLOSE_CODES.TRY_AGAIN_LATER));
    expect(guests.map(({ isOpen }) => isOpen)).toEqual([true, false, true, true]);
    expect(guests.some(({ isCut }) => isCut)).toBe(false);
  });

  it('is never more for long: who was told to go and still holds it is cut off', async () => {
    const unsent = new Unsent(1_000);
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

const COUNT = 2;
/** Each answer has 800,000 characters: so many are more than the cap of all. */
const AT_ONCE = 5;

describe('answers that are not read', () => {
  let service: TestService;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await service.close();
  });

  /** Connections that ask, and read no answer. What it gives asks again: the kernel holds some megabytes of answers. */
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
    for (let n = 0; n < count; n += 1) {
      const socket = connect(Number(new URL(service.url).port), '127.0.0.1').on('error', () => undefined);
      socket.pause();
      sockets.push(socket);
    }
    return async () => {
      const before = await operations();
      for (const socket of sockets) socket.write(request.repeat(AT_ONCE));
      await eventually(async () => {
        // An empty line between requests is nothing; by its failure one that does not read knows that it was cut off.
        for (const socket of sockets) socket.write('\r\n');
        const isAnswered = (await operations()) >= before + AT_ONCE * count;
        expect(isAnswered || cutOff() > 0).toBe(true);
      });
    };
  }
  const operations = (): Promise<number> => metric(service.url, 'realtime_engine_operation_seconds_count');
  const held = (): Promise<number> => metric(service.url, 'realtime_queued_bytes');
  const cutOff = (): number => sockets.filter(({ destroyed }) => destroyed).length;

  it('count, together with what sockets hold: the fullest are cut off', async () => {
    service = await startTestService({ env: { MAX_MEMORY_QUEUED: '2MiB' } });
    const askMore = await ask(COUNT);
    // Nobody reads, and nothing else closes them: the clock of the test stands.
    await eventually(async () => {
      await askMore();
      expect(cutOff()).toBeGreaterThan(0);
    });
    await eventually(async () => expect(await held()).toBeLessThanOrEqual(2 * 1_048_576));
  });

  it('end after a minute', async () => {
    service = await startTestService();
    const askMore = await ask(1);
    await eventually(async () => {
      await askMore();
      expect(await held()).toBeGreaterThan(0);
    });
    service.clock.advance(TIMES.unreadAnswerMs + 1_000);
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await held()).toBe(0);
    });
  });
});
