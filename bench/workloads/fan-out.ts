/** Workloads a, b and c: the cost of delivering a message. */
import { type Audience, oneConversation, ownLists, random } from '../audience.ts';
import { CENTRIFUGO, type PeerId, type PeerSpec } from '../catalogue.ts';
import type { Pace } from '../pace.ts';
import { warmBurst } from './warm-burst.ts';
import { type Column, type Figures, grouped, type Scale, type Workload } from './workload.ts';

const ALL: readonly PeerId[] = [
  'service-redis',
  'service-embedded',
  'stock',
  'mercurius',
  'socket-io',
  ...CENTRIFUGO,
  'bare',
  'nats',
];
const COLUMNS: readonly Column[] = [
  { figure: 'user', heading: 'user µs', digits: 2 },
  { figure: 'system', heading: 'system µs', digits: 2 },
  { figure: 'total', heading: 'total µs', digits: 2 },
  { figure: 'perSecond', heading: 'deliveries/s', digits: 0 },
  { figure: 'p50', heading: 'p50 ms', digits: 1 },
  { figure: 'p99', heading: 'p99 ms', digits: 1 },
];
const MAIN = { figure: 'total', unit: 'µs of server CPU per delivery' };
const TICK_MS = 20;
const LIST = 10;

async function measure(peer: PeerSpec, audience: Audience, pace: Pace): Promise<Figures> {
  const { user, system, deliveries, deliveriesPerSecond, p50, p99 } = await warmBurst(peer, audience, pace);
  const total = (user + system) / deliveries;
  return { user: user / deliveries, system: system / deliveries, total, perSecond: deliveriesPerSecond, p50, p99 };
}

const toOne = { tickMs: TICK_MS, next: () => 0 };

export function fanOut({ sockets, time }: Scale): Workload[] {
  const large = 1_000 / sockets;
  const small = 200 / sockets;
  return [
    {
      id: 'a',
      title: `${grouped(large)} subscribers of one conversation, 20 messages/s for ${5 / time} s`,
      about: 'A busy room: each message costs one write to each of many sockets.',
      peers: ALL,
      columns: COLUMNS,
      main: MAIN,
      against: ['bare', 'stock', ...CENTRIFUGO],
      measure: (peer) => measure(peer, oneConversation(large), { perSecond: 20, seconds: 5 / time, ...toOne }),
    },
    {
      id: 'b',
      title: `${small} subscribers of one conversation, 1,000 messages/s for ${3 / time} s`,
      about: `Some servers cannot keep up; their latency is then that of their queue. Messages are published in bursts every ${TICK_MS} ms, which favours servers that combine writes.`,
      peers: ALL,
      columns: COLUMNS,
      main: MAIN,
      against: ['bare', 'stock', 'nats', ...CENTRIFUGO],
      measure: (peer) => measure(peer, oneConversation(small), { perSecond: 1_000, seconds: 3 / time, ...toOne }),
    },
    {
      id: 'b-even',
      title: 'The same as b, with one message every millisecond',
      about: 'Workload b without bursts: there are fewer writes to combine.',
      peers: ['service-redis', 'service-embedded', 'socket-io', ...CENTRIFUGO, 'bare', 'nats'],
      columns: COLUMNS,
      main: MAIN,
      against: ['bare', 'nats', ...CENTRIFUGO],
      measure: (peer) =>
        measure(peer, oneConversation(small), { perSecond: 1_000, seconds: 3 / time, ...toOne, tickMs: 1 }),
    },
    {
      id: 'c',
      title: `${grouped(large)} subscribers, each with its own ${LIST} of ${grouped(large)} conversations, 1,500 messages/s for ${3 / time} s`,
      about:
        'Many small rooms, and no two subscribers with the same list: few deliveries share the cost of one publication.',
      peers: ALL,
      columns: COLUMNS,
      main: MAIN,
      against: ['bare', 'stock', ...CENTRIFUGO],
      measure(peer) {
        const pick = random(2);
        const next = (): number => pick(large);
        const audience = ownLists(large, large, LIST);
        return measure(peer, audience, { perSecond: 1_500, seconds: 3 / time, tickMs: TICK_MS, next });
      },
    },
    {
      id: 'a-sse',
      title: `The same as a, over server-sent events, for ${3 / time} s`,
      about: 'Each subscription is one request, answered by a stream of events over HTTP/1.1.',
      peers: ['sse-redis', 'sse-embedded', 'stock-sse'],
      columns: COLUMNS,
      main: MAIN,
      against: ['stock-sse'],
      measure: (peer) => measure(peer, oneConversation(large), { perSecond: 20, seconds: 3 / time, ...toOne }),
    },
    {
      id: 'g',
      title: `${grouped(large)} raw subscribers of one topic, 20 messages/s for ${5 / time} s`,
      about: 'The same as a, over `/ws`: frames of the older protocol.',
      peers: ['raw-redis', 'raw-embedded', 'socket-io', 'bare'],
      columns: COLUMNS,
      main: MAIN,
      against: ['bare', 'socket-io'],
      measure: (peer) => measure(peer, oneConversation(large), { perSecond: 20, seconds: 5 / time, ...toOne }),
    },
  ];
}
