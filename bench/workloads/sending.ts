/** Workloads h and i: what the rate limits cost who sends, and who hears. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { oneConversation, userOf } from '../audience.ts';
import type { PeerId, PeerSpec } from '../catalogue.ts';
import { burst } from '../pace.ts';
import { contentOf, conversationName, nowMicros } from '../payload.ts';
import { Session } from '../session.ts';
import { signTokens } from '../tokens.ts';
import { type Figures, grouped, type Scale, type Workload } from './workload.ts';

const COMPARED: readonly PeerId[] = ['service-redis', 'limited-redis', 'service-embedded', 'limited-embedded'];
/** Mutations on their way at once. */
const WINDOW = 16;
/** The median of these is reported. */
const ROUNDS = 5;

const SEND = `mutation ($content: String!) {
  sendMessage(input: {conversationId: "${conversationName(0)}", content: $content}) { id sequence }
}`;

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

/** A member of the conversation that sends as fast as it is answered. */
class Sender {
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<Sender> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const [token] = await signTokens([userOf(0)]);
    socket.send(JSON.stringify({ type: 'connection_init', payload: { token } }));
    await once(socket, 'message');
    return new Sender(socket);
  }

  /** Resolves once all are answered; rejects at the first error. */
  send(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sent = 0;
    let completed = 0;
    const sendNext = (): void => {
      sent += 1;
      const variables = { content: contentOf(0, sent, nowMicros()) };
      this.#socket.send(JSON.stringify({ id: String(sent), type: 'subscribe', payload: { query: SEND, variables } }));
    };
    const onMessage = (data: Buffer): void => {
      if (data.includes('"errors"') || data.includes('"type":"error"')) reject(new Error(data.toString()));
      if (!data.includes('"type":"complete"')) return;
      completed += 1;
      if (completed === count) resolve();
      else if (sent < count) sendNext();
    };
    this.#socket.on('message', onMessage).once('close', () => reject(new Error('the sender was closed')));
    for (let n = 0; n < Math.min(WINDOW, count); n += 1) sendNext();
    return promise.finally(() => this.#socket.off('message', onMessage));
  }

  close(): void {
    this.#socket.terminate();
  }
}

async function measureSending(peer: PeerSpec, count: number): Promise<Figures> {
  const session = await Session.open(peer, oneConversation(1));
  try {
    const sender = await Sender.connect(session.port);
    await sender.send(count);
    const rounds: { readonly user: number; readonly system: number; readonly total: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await session.usage();
      await sender.send(count);
      const after = await session.usage();
      const user = (after.user - before.user) / count;
      const system = (after.system - before.system) / count;
      rounds.push({ user, system, total: user + system });
    }
    sender.close();
    const totals = rounds.map(({ total }) => total);
    const spread = { least: Math.min(...totals), most: Math.max(...totals) };
    return {
      user: median(rounds.map(({ user }) => user)),
      system: median(rounds.map(({ system }) => system)),
      total: median(totals),
      ...spread,
    };
  } finally {
    await session.close();
  }
}

async function measureHearing(peer: PeerSpec, subscribers: number, seconds: number): Promise<Figures> {
  const session = await Session.open(peer, oneConversation(subscribers));
  try {
    await session.connect(subscribers);
    await session.prove();
    await session.idle();
    const totals: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const { user, system, deliveries } = await burst(session, {
        perSecond: 1_000,
        seconds,
        tickMs: 20,
        next: () => 0,
      });
      // The first warms up.
      if (round > 0) totals.push((user + system) / deliveries);
    }
    return { total: median(totals), least: Math.min(...totals), most: Math.max(...totals) };
  } finally {
    await session.close();
  }
}

const SPREAD = [
  { figure: 'total', heading: 'total µs', digits: 2 },
  { figure: 'least', heading: 'least', digits: 2 },
  { figure: 'most', heading: 'most', digits: 2 },
] as const;

export function sending({ sockets, time }: Scale): Workload[] {
  const count = 10_000 / time;
  const subscribers = 200 / sockets;
  return [
    {
      id: 'h',
      title: `${grouped(count)} calls of \`sendMessage\` over one socket, without and with rate limits`,
      about: `The limits are on and far away. ${WINDOW} calls are on their way at once; the median of ${ROUNDS} rounds, and the least and the most.`,
      peers: COMPARED,
      columns: [
        { figure: 'user', heading: 'user µs', digits: 1 },
        { figure: 'system', heading: 'system µs', digits: 1 },
        ...SPREAD,
      ],
      main: { figure: 'total', unit: 'µs of server CPU per call' },
      against: ['service-redis', 'service-embedded'],
      measure: (peer) => measureSending(peer, count),
    },
    {
      id: 'i',
      title: `The same as b, without and with rate limits: ${subscribers} subscribers, 1,000 messages/s`,
      about: `The median of ${ROUNDS} bursts, and the least and the most.`,
      peers: COMPARED,
      columns: SPREAD,
      main: { figure: 'total', unit: 'µs of server CPU per delivery' },
      against: ['service-redis', 'service-embedded'],
      measure: (peer) => measureHearing(peer, subscribers, 2 / time),
    },
  ];
}
