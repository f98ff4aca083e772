/** A server whose web sockets each have a connection, and a handler that fails, hangs or waits when a frame says so. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createEndingClock, type EndingClock } from '../../src/clock.ts';
import { TextFrame } from '../../src/transport/peers/envelope.ts';
import { Supervisor } from '../../src/transport/peers/supervisor.ts';
import { UnhandledBytes } from '../../src/transport/peers/unhandled-bytes.ts';
import { UnsentBytes } from '../../src/transport/peers/unsent-bytes.ts';
import { Connection } from '../../src/transport/websocket/connection.ts';
import { handleUpgrades } from '../../src/transport/websocket/upgrade.ts';
import { openSocket, type RawSocket } from '../support/socket.ts';
import { StillClock } from '../support/still-clock.ts';
import { silentLog } from '../support/world.ts';

export const TIMEOUTS = { maxQueuedBytes: 1_048_576, heartbeatIntervalMs: 3_600_000, clientTimeoutMs: 7_200_000 };

export const limits = {
  maxConnections: 100,
  maxStreamsPerUser: 1_000,
  maxConnectionsPerUser: 100,
  maxConnectionsPerAddress: 100,
  admissions: null,
  unidentifiedRates: null,
  countTurnedAway: () => undefined,
  drainWindowMs: 0,
  sweepMs: 60_000,
};

export class ConnectionServer {
  clock!: StillClock;
  url!: string;
  supervisor!: Supervisor;
  sent = new UnhandledBytes(1e9);
  readonly unsent = new UnsentBytes(1e9);
  readonly handled: string[] = [];
  /** Ends what slow handlers wait for. */
  readonly slow: (() => void)[] = [];
  readonly connections: Connection[] = [];
  readonly sockets: Socket[] = [];
  readonly unhandled: unknown[] = [];
  lifetime!: EndingClock;
  /** Called with each handshake, and with each frame, before it is answered. */
  onWork: () => void = () => undefined;
  #server!: Server;
  readonly #onUnhandled = (error: unknown): void => void this.unhandled.push(error);

  constructor() {
    beforeAll(async () => {
      process.on('unhandledRejection', this.#onUnhandled);
      await this.#start();
    });
    beforeEach(() => {
      this.sent = new UnhandledBytes(1e9);
      for (const list of [this.handled, this.slow, this.connections]) list.splice(0);
    });
    afterAll(() => {
      this.lifetime.end();
      process.off('unhandledRejection', this.#onUnhandled);
      this.#server.close();
      this.#server.closeAllConnections();
    });
  }

  /** A socket that a test breaks, and another that is served all the same. */
  async pair(): Promise<{ bad: RawSocket; good: RawSocket; check: () => Promise<void> }> {
    const [bad, good] = [await openSocket(this.url, []), await openSocket(this.url, [])];
    return {
      bad,
      good,
      check: async () => {
        good.send('hello');
        expect(await good.frame(good.frames.length)).toBe('hello');
        expect(this.unhandled).toEqual([]);
        good.socket.close();
      },
    };
  }

  async #start(): Promise<void> {
    this.clock = new StillClock();
    this.#server = createServer().on('connection', (socket) => this.sockets.push(socket));
    this.lifetime = createEndingClock(this.clock);
    this.supervisor = new Supervisor(this.lifetime, limits);
    const accept = (connection: Connection): void => {
      this.onWork();
      connection.onFrame({ handle: (text) => this.#act(connection, text) });
      this.connections.push(connection);
      this.supervisor.add(connection, null);
    };
    const endpoint = {
      path: '/',
      needsProtocol: false,
      handleProtocols: () => false as const,
      accept: (given: ConstructorParameters<typeof Connection>[0]) =>
        accept(
          new Connection(given, this.clock, silentLog, { ...TIMEOUTS, unsent: this.unsent, unhandled: this.sent }),
        ),
    };
    const door = {
      maxMessageBytes: 65_536,
      isOriginAllowed: () => true,
      refusesClear: false,
      addressOf: () => null,
      leavePlain: () => undefined,
      supervisor: this.supervisor,
      clock: this.clock,
    };
    handleUpgrades(this.#server, [endpoint], door);
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  async #act(connection: Connection, text: string): Promise<void> {
    this.handled.push(text);
    this.onWork();
    if (text === 'throw') throw new Error('on purpose');
    if (text === 'reject') await Promise.reject(new Error('on purpose'));
    if (text === 'hang') await new Promise(() => undefined);
    if (text === 'event') connection.outbox.write(new TextFrame('', ''), Buffer.from('"before"'));
    if (text.startsWith('slow')) await new Promise<void>((resolve) => this.slow.push(resolve));
    await connection.send(JSON.stringify(text));
  }
}
