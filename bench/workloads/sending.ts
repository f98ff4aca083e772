/** Workloads h, i and l: the cost of sending, the cost of rate limits for sender and subscribers, and the bytes in Redis. */
import { oneConversation } from '../audience.ts';
import type { PeerId, PeerSpec } from '../catalogue.ts';
import { burst } from '../pace.ts';
import { HttpSender, type Sender, SocketSender, WINDOW } from '../senders.ts';
import { Session } from '../session.ts';
import { type Column, type Figures, grouped, type Scale, type Workload } from './workload.ts';

const COMPARED: readonly PeerId[] = ['service-redis', 'limited-redis', 'service-embedded', 'limited-embedded'];
/** The number of rounds, of which the median is reported. */
const ROUNDS = 5;

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

async function measureSending(
  peer: PeerSpec,
  count: number,
  open: (port: number) => Promise<Sender>,
): Promise<Figures> {
  const session = await Session.open(peer, oneConversation(1));
  try {
    const sender = await open(session.port);
    await sender.send(count);
    const rounds: { readonly user: number; readonly system: number; readonly total: number; readonly redis: number }[] =
      [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const redisBefore = await session.redisMicros();
      const before = await session.usage();
      await sender.send(count);
      const after = await session.usage();
      const redis = ((await session.redisMicros()) ?? 0) - (redisBefore ?? 0);
      const user = (after.user - before.user) / count;
      const system = (after.system - before.system) / count;
      rounds.push({ user, system, total: user + system, redis: redis / count });
    }
    sender.close();
    const totals = rounds.map(({ total }) => total);
    return {
      user: median(rounds.map(({ user }) => user)),
      system: median(rounds.map(({ system }) => system)),
      total: median(totals),
      least: Math.min(...totals),
      most: Math.max(...totals),
      ...(peer.needsRedis ? { redis: median(rounds.map(({ redis }) => redis)) } : {}),
    };
  } finally {
    await session.close();
  }
}

/** The bytes that a message adds to Redis, after `count` messages have been sent over a socket. */
async function bytesOf(peer: PeerSpec, count: number, hasKeys: boolean): Promise<number> {
  const session = await Session.open(peer, oneConversation(1));
  try {
    const sender = await SocketSender.connect(session.port, hasKeys);
    await sender.send(count / 10);
    const before = await session.redisBytes();
    await sender.send(count);
    const after = await session.redisBytes();
    sender.close();
    return (after - before) / count;
  } finally {
    await session.close();
  }
}

async function measureStoring(peer: PeerSpec, count: number): Promise<Figures> {
  const plain = await bytesOf(peer, count, false);
  const keyed = await bytesOf(peer, count, true);
  return { plain, keyed, key: keyed - plain };
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
      // The first round warms up.
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

const SENDING: readonly Column[] = [
  { figure: 'user', heading: 'user µs', digits: 1 },
  { figure: 'system', heading: 'system µs', digits: 1 },
  ...SPREAD,
  { figure: 'redis', heading: 'Redis µs', digits: 1 },
];

export function sending({ sockets, time }: Scale): Workload[] {
  const count = 10_000 / time;
  const subscribers = 200 / sockets;
  return [
    {
      id: 'h',
      title: `${grouped(count)} calls of \`sendMessage\` over one socket, without and with rate limits`,
      about: `The limits are on and not reached. ${WINDOW} calls are in flight at once; the median of ${ROUNDS} rounds, with the lowest and the highest.`,
      peers: COMPARED,
      columns: SENDING,
      main: { figure: 'total', unit: 'µs of server CPU per call' },
      against: ['service-redis', 'service-embedded'],
      measure: (peer) => measureSending(peer, count, (port) => SocketSender.connect(port)),
    },
    {
      id: 'h-http',
      title: `${grouped(count / 2)} calls of \`sendMessage\` over HTTP`,
      about: `${WINDOW} kept-alive connections; the median of ${ROUNDS} rounds, with the lowest and the highest. Apollo Server stores a message in a Redis stream and publishes it; it requires no token and checks no membership.`,
      peers: ['service-redis', 'service-embedded', 'apollo'],
      columns: SENDING,
      main: { figure: 'total', unit: 'µs of server CPU per call' },
      against: ['apollo'],
      measure: (peer) => measureSending(peer, count / 2, (port) => HttpSender.connect(port)),
    },
    {
      id: 'i',
      title: `The same as b, without and with rate limits: ${subscribers} subscribers, 1,000 messages/s`,
      about: `The median of ${ROUNDS} bursts, with the lowest and the highest.`,
      peers: COMPARED,
      columns: SPREAD,
      main: { figure: 'total', unit: 'µs of server CPU per delivery' },
      against: ['service-redis', 'service-embedded'],
      measure: (peer) => measureHearing(peer, subscribers, 2 / time),
    },
    {
      id: 'l',
      title: 'Bytes that Redis stores per message of 200 characters',
      about: `${grouped(count)} messages of one conversation; its \`clientMessageId\` has 36 characters and is kept for 24 hours.`,
      peers: ['service-redis'],
      columns: [
        { figure: 'plain', heading: 'bytes without a key', digits: 0 },
        { figure: 'key', heading: 'of its key', digits: 0 },
        { figure: 'keyed', heading: 'bytes in all', digits: 0 },
      ],
      main: { figure: 'keyed', unit: 'bytes of Redis per message with a key' },
      against: [],
      measure: (peer) => measureStoring(peer, count),
    },
  ];
}
