/** Workloads j and k: the cost of reading a message while it is written. */
import { type Audience, oneConversation, written } from '../audience.ts';
import type { PeerId, PeerSpec } from '../catalogue.ts';
import type { Pace } from '../pace.ts';
import { CONTENT_LENGTH, TOKEN_LENGTH } from '../payload.ts';
import { warmBurst } from './warm-burst.ts';
import { type Column, type Figures, grouped, type Scale, type Workload } from './workload.ts';

const PEERS: readonly PeerId[] = ['streamed-redis', 'streamed-embedded', 'stock-edits', 'socket-io'];
const COLUMNS: readonly Column[] = [
  { figure: 'total', heading: 'µs a token', digits: 2 },
  { figure: 'perEvent', heading: 'µs an event', digits: 2 },
  { figure: 'tokens', heading: 'tokens an event', digits: 1 },
  { figure: 'beside', heading: 'bytes an event beside new text', digits: 0 },
  { figure: 'events', heading: 'events/s a message', digits: 1 },
  { figure: 'redis', heading: 'Redis µs a token', digits: 1 },
  { figure: 'p50', heading: 'p50 ms', digits: 1 },
  { figure: 'p99', heading: 'p99 ms', digits: 1 },
];
const MESSAGES = 100;
const PER_SENDER = 10;
const WATCHERS = 10;
/** Events of a message whose appends are merged for 40 ms. */
const EVENTS_PER_SECOND = 25;

async function measure(peer: PeerSpec, audience: Audience, pace: Pace): Promise<Figures> {
  const burst = await warmBurst(peer, audience, pace);
  const { user, system, redis, published, deliveries, frames, bytes, p50, p99 } = burst;
  const cpu = user + system;
  return {
    total: cpu / deliveries,
    perEvent: cpu / frames,
    tokens: deliveries / frames,
    // Events per second of each message that a watcher reads: n events have n - 1 intervals.
    events: (frames / audience.lists.flat().length - 1) / pace.seconds,
    ...(redis === null ? {} : { redis: redis / published }),
    beside: (bytes - deliveries * (audience.hasTokens ? TOKEN_LENGTH : CONTENT_LENGTH)) / frames,
    p50,
    p99,
  };
}

export function texts({ sockets, time }: Scale): Workload[] {
  const messages = MESSAGES / sockets;
  const turns = (): (() => number) => {
    let nth = -1;
    return () => {
      nth += 1;
      return nth % messages;
    };
  };
  const many = { perSecond: 50 * messages, tickMs: 20 };
  const large = 1_000 / sockets;
  const seconds = 5 / time;
  return [
    {
      id: 'j',
      title: `${messages} messages of ${messages / PER_SENDER} senders at once, 50 tokens/s each, ${WATCHERS} watchers each, for ${seconds} s`,
      about: `Assistants that answer: a token has ${TOKEN_LENGTH} characters, and each watcher reads all messages of one sender. Socket.IO sends only the token.`,
      peers: PEERS,
      columns: COLUMNS,
      main: { figure: 'total', unit: 'µs of server CPU per delivered token' },
      against: ['stock-edits', 'socket-io'],
      measure: (peer) => measure(peer, written(messages, PER_SENDER, WATCHERS), { ...many, seconds, next: turns() }),
    },
    {
      id: 'j-apart',
      title: 'The same as j, with one message per sender',
      about:
        'There are fewer writes to combine: each watcher reads one message, so each event is one write to a socket.',
      peers: PEERS,
      columns: COLUMNS,
      main: { figure: 'total', unit: 'µs of server CPU per delivered token' },
      against: ['stock-edits', 'socket-io'],
      measure: (peer) => measure(peer, written(messages, 1, WATCHERS), { ...many, seconds, next: turns() }),
    },
    {
      id: 'k',
      title: `One message, 100 tokens/s, ${grouped(large)} watchers, for ${seconds} s`,
      about: `Compared with \`sendMessage\` at the rate at which a streamed message has events: ${EVENTS_PER_SECOND}/s of 200 characters.`,
      peers: [...PEERS, 'service-redis', 'service-embedded'],
      columns: COLUMNS,
      main: { figure: 'perEvent', unit: 'µs of server CPU per event' },
      against: ['service-redis', 'service-embedded'],
      measure(peer) {
        const isSent = peer.module === 'service';
        const audience = isSent ? oneConversation(large) : written(1, 1, large);
        const perSecond = isSent ? EVENTS_PER_SECOND : 100;
        return measure(peer, audience, { perSecond, seconds, tickMs: 10, next: () => 0 });
      },
    },
  ];
}
