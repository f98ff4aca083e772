/** A network between a node and its server that can go silent, slow, one-way or break in the middle of an answer. */
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  readonly port: number;
  /** Connections made so far. */
  readonly accepted: number;
  /** Cuts every connection; those to come lead to this port. */
  redirect(port: number): void;
  /** Connections to come lead to this port; those open now stay where they are. */
  lead(port: number): void;
  /** Connections open now stay open and carry nothing more; new ones work. Answers how many. */
  silence(): number;
  /** Connections open now carry what is asked and none of what is answered; new ones work. Answers how many. */
  swallowAnswers(): number;
  /** From now on everything takes so much longer. */
  delay(ms: number): void;
  /** From now on what is answered takes so much longer, and so does what Redis publishes: a server that is so far away. */
  delayAnswers(ms: number): void;
  /** From now on everything waits: what waits passes one by one, or by `release` all of it and what comes. */
  hold(): { pass(): void; release(): void };
  /** Resets each connection open now in the middle of its next answer. Answers how many. */
  resetAnswers(): number;
  /** Resets connections in the middle of the next answers, so many in all. */
  breakAnswers(count: number): void;
  /** How many of these are still to come. */
  readonly unbroken: number;
  /** Connections open now carry everything but what Redis publishes; new ones work. Answers how many. */
  dropPublished(): number;
  /** How much of that was dropped so far, and an end of it: all connections carry everything again. */
  readonly dropped: number;
  carry(): void;
  close(): Promise<void>;
}

/** What a subscriber is sent, of a few bytes: it comes whole. */
const PUBLISHED = /[*>]3\r\n\$8\r\nsmessage\r\n\$\d+\r\n[^\r]*\r\n\$\d+\r\n[^\r]*\r\n/g;

/** Writes now or later, in the order of the calls. */
type Pace = (write: () => void, direction: 'asks' | 'answers') => void;

class Link {
  readonly client: Socket;
  readonly upstream: Socket;
  asks = true;
  answers: 'whole' | 'none' | 'broken' | 'unpublished' = 'whole';

  constructor(client: Socket, upstream: Socket, pace: Pace, onDropped: () => void, isBroken: () => boolean) {
    this.client = client.setNoDelay();
    this.upstream = upstream.setNoDelay();
    const carry = (to: Socket, chunk: Buffer): void =>
      pace(() => to.destroyed || to.write(chunk), to === client ? 'answers' : 'asks');
    client.on('data', (chunk: Buffer) => {
      if (this.asks) carry(upstream, chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (this.answers === 'whole' && isBroken()) this.answers = 'broken';
      if (this.answers === 'whole') return carry(client, chunk);
      if (this.answers === 'none') return;
      if (this.answers === 'unpublished') {
        const rest = chunk.toString('latin1').replace(PUBLISHED, () => {
          onDropped();
          return '';
        });
        return carry(client, Buffer.from(rest, 'latin1'));
      }
      this.answers = 'none';
      client.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => client.resetAndDestroy());
    });
  }

  destroy(): void {
    this.client.destroy();
    this.upstream.destroy();
  }
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  let port = target;
  const delayMs = { asks: 0, answers: 0 };
  let waiting: (() => void)[] | null = null;
  const pace: Pace = (write, direction) => {
    if (waiting) waiting.push(write);
    else if (delayMs[direction] === 0) write();
    else setTimeout(write, delayMs[direction]);
  };
  let accepted = 0;
  let dropped = 0;
  let unbroken = 0;
  const isBroken = (): boolean => {
    if (unbroken === 0) return false;
    unbroken -= 1;
    return true;
  };
  const links = new Set<Link>();
  const server = createServer((client) => {
    accepted += 1;
    const onDropped = (): void => {
      dropped += 1;
    };
    const link = new Link(client, createConnection({ host: '127.0.0.1', port }), pace, onDropped, isBroken);
    links.add(link);
    const end = (): void => {
      links.delete(link);
      link.destroy();
    };
    link.client.on('error', () => undefined).on('close', end);
    // Behind the answers that are still on their way.
    link.upstream
      .on('error', () => undefined)
      .on('close', () => (delayMs.answers > 0 && !waiting ? void setTimeout(end, delayMs.answers) : end()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const change = (alter: (link: Link) => void): number => {
    for (const link of links) alter(link);
    return links.size;
  };
  return {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    breakAnswers(count) {
      unbroken = count;
    },
    get unbroken() {
      return unbroken;
    },
    get dropped() {
      return dropped;
    },
    carry: () =>
      void change((link) => {
        link.answers = 'whole';
      }),
    redirect(to) {
      port = to;
      change((link) => link.destroy());
    },
    lead(to) {
      port = to;
    },
    silence: () =>
      change((link) => {
        link.asks = false;
        link.answers = 'none';
      }),
    swallowAnswers: () =>
      change((link) => {
        link.answers = 'none';
      }),
    dropPublished: () =>
      change((link) => {
        link.answers = 'unpublished';
      }),
    resetAnswers: () =>
      change((link) => {
        link.answers = 'broken';
      }),
    delay(ms) {
      delayMs.asks = ms;
      delayMs.answers = ms;
    },
    delayAnswers(ms) {
      // Timers drop what is less than a millisecond, and it is to be so far at least.
      delayMs.answers = Math.ceil(ms);
    },
    hold() {
      const held: (() => void)[] = [];
      waiting = held;
      return {
        pass: () => held.shift()?.(),
        release() {
          waiting = null;
          for (const write of held.splice(0)) write();
        },
      };
    },
    async close() {
      change((link) => link.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
