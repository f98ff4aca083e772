/** What all together make the service hold unread has a cap, and the fullest go first (G10). */
import { connect, type Socket } from 'node:net';
import { CLOSE_CODES } from '../../src/errors.ts';
import { TIMES } from '../../src/limits.ts';
import { Unsent } from '../../src/transport/unsent.ts';
import { eventually } from '../support/eventually.ts';
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

describe('answers that are not read', () => {
  let service: TestService;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await service.close();
  });

  /** Asks for what fills the buffers between us and more, and does not read it. */
  async function ask(count: number): Promise<void> {
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
      // Each answer is less than the kernel holds: several in a row are not.
      socket.write(request.repeat(20));
      sockets.push(socket);
    }
  }
  const held = async (): Promise<number> => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return Number(/^realtime_queued_bytes (\S+)$/m.exec(text)?.[1]);
  };

  it('count, together with what sockets hold: the fullest are cut off', async () => {
    service = await startTestService({ env: { MAX_MEMORY_QUEUED: '2MiB' } });
    await ask(4);
    await eventually(async () => expect(await closed()).toBeGreaterThan(0));
    await eventually(async () => expect(await held()).toBeLessThanOrEqual(2 * 1_048_576));
  });

  it('end after a minute', async () => {
    service = await startTestService();
    await ask(1);
    await eventually(async () => expect(await held()).toBeGreaterThan(0));
    service.clock.advance(TIMES.unreadAnswerMs + 1_000);
    await eventually(async () => {
      service.clock.advance(1_000);
      expect(await held()).toBe(0);
    });
  });

  /** Of our sockets, those that the service has cut off. A paused socket is not told: it is read to its end. */
  async function closed(): Promise<number> {
    for (const socket of sockets) socket.resume();
    return sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length;
  }
});
