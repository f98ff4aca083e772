/** Workloads j and k: what reading a message while it is written costs. */
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
  { figure: 'p50', heading: 'p50 ms', digits: 1 },
  { figure: 'p99', heading: 'p99 ms', digits: 1 },
];
const MESSAGES = 100;
const WATCHERS = 10;
/** As many as a message that is merged for 40 ms has events. */
const EVENTS_PER_SECOND = 25;

async function measure(peer: PeerSpec, audience: Audience, pace: Pace): Promise<Figures> {
  const { user, system, deliveries, frames, bytes, p50, p99 } = await warmBurst(peer, audience, pace);
  const cpu = user + system;
  return {
    total: cpu / deliveries,
    perEvent: cpu / frames,
    tokens: deliveries / frames,
    beside: (bytes - deliveries * (audience.hasTokens ? TOKEN_LENGTH : CONTENT_LENGTH)) / frames,
    p50,
    p99,
  };
}

export function texts({ sockets, time }: Scale): Workload[] {
  const messages = MESSAGES / sockets;
  const large = 1_000 / sockets;
  const seconds = 5 / time;
  return [
    {
      id: 'j',
      title: `${messages} messages written at once, 50 tokens/s each, ${WATCHERS} watchers each, for ${seconds} s`,
      about: `Assistants that answer: a token has ${TOKEN_LENGTH} characters. Socket.IO sends the token and nothing else.`,
      peers: PEERS,
      columns: COLUMNS,
      main: { figure: 'total', unit: 'µs of server CPU per delivered token' },
      against: ['stock-edits', 'socket-io'],
      measure(peer) {
        let nth = -1;
        const next = (): number => {
          nth += 1;
          return nth % messages;
        };
        return measure(peer, written(messages, WATCHERS), { perSecond: 50 * messages, seconds, tickMs: 20, next });
      },
    },
    {
      id: 'k',
      title: `One message, 100 tokens/s, ${grouped(large)} watchers, for ${seconds} s`,
      about: `Beside it, \`sendMessage\` as often as a streamed message has events: ${EVENTS_PER_SECOND}/s of 200 characters.`,
      peers: [...PEERS, 'service-redis', 'service-embedded'],
      columns: COLUMNS,
      main: { figure: 'perEvent', unit: 'µs of server CPU per event' },
      against: ['service-redis', 'service-embedded'],
      measure(peer) {
        const isSent = peer.module === 'service';
        const audience = isSent ? oneConversation(large) : written(1, large);
        const perSecond = isSent ? EVENTS_PER_SECOND : 100;
        return measure(peer, audience, { perSecond, seconds, tickMs: 10, next: () => 0 });
      },
    },
  ];
}
