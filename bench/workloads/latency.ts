/** Workload f: latency at half the load that saturates the bare server. */
import { oneConversation } from '../audience.ts';
import { CENTRIFUGO, PEERS, type PeerId, type PeerSpec } from '../catalogue.ts';
import { type Burst, burst } from '../pace.ts';
import { Session } from '../session.ts';
import type { Figures, Scale, Workload } from './workload.ts';

const COMPARED: readonly PeerId[] = ['service-redis', 'service-embedded', ...CENTRIFUGO, 'bare'];
const FIRST_RATE = 200;
const LAST_RATE = 5_000;
const STEP = 1.25;
const STEP_SECONDS = 2;
/** A server that delivers less than this share of the published messages is saturated. */
const KEPT_UP = 0.93;
/** The number of bursts, of which the median is reported: a high percentile of one burst is an accident of the machine. */
const ROUNDS = 5;
/** An even pace: otherwise the figures would show only the bursts. */
const PACE = { tickMs: 1, next: () => 0 };

const median = (values: readonly number[]): number =>
  [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

async function withSubscribers<Value>(
  peer: PeerSpec,
  subscribers: number,
  use: (session: Session) => Promise<Value>,
): Promise<Value> {
  const session = await Session.open(peer, oneConversation(subscribers));
  try {
    await session.connect(subscribers);
    await session.prove();
    await session.idle();
    return await use(session);
  } finally {
    await session.close();
  }
}

/** Tries a second time before it returns false, because another process of the machine may have delayed one burst. */
async function keepsUp(session: Session, perSecond: number, subscribers: number): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const { deliveriesPerSecond } = await burst(session, { perSecond, seconds: STEP_SECONDS, ...PACE });
    if (deliveriesPerSecond >= KEPT_UP * perSecond * subscribers) return true;
  }
  return false;
}

/** Messages per second that the bare server does not keep up with. */
async function findSaturation(subscribers: number): Promise<number> {
  const bare = PEERS.find(({ id }) => id === 'bare') as PeerSpec;
  return withSubscribers(bare, subscribers, async (session) => {
    await burst(session, { perSecond: FIRST_RATE, seconds: STEP_SECONDS, ...PACE });
    for (let perSecond = FIRST_RATE; perSecond < LAST_RATE; perSecond = Math.round(perSecond * STEP)) {
      if (!(await keepsUp(session, perSecond, subscribers))) return perSecond;
    }
    return LAST_RATE;
  });
}

export function latency({ sockets, time }: Scale): Workload[] {
  const subscribers = 200 / sockets;
  const seconds = 3 / time;
  let saturation: Promise<number> | null = null;
  return [
    {
      id: 'f',
      title: 'Latency at half the load that saturates the bare server',
      about: `${subscribers} subscribers of one conversation; the rate was raised in steps of a quarter until the bare server fell behind. Messages are spread evenly; the median of ${ROUNDS} bursts of ${seconds} s, with the lowest and the highest p99.`,
      peers: COMPARED,
      columns: [
        { figure: 'rate', heading: 'messages/s', digits: 0 },
        { figure: 'p50', heading: 'p50 ms', digits: 2 },
        { figure: 'p99', heading: 'p99 ms', digits: 2 },
        { figure: 'least', heading: 'least', digits: 2 },
        { figure: 'most', heading: 'most', digits: 2 },
      ],
      main: { figure: 'p99', unit: 'ms, 99th percentile' },
      against: ['bare', ...CENTRIFUGO],
      async measure(peer): Promise<Figures> {
        saturation ??= findSaturation(subscribers);
        const rate = Math.round((await saturation) / 2);
        return withSubscribers(peer, subscribers, async (session) => {
          const pace = { perSecond: rate, seconds, ...PACE };
          await burst(session, pace);
          const rounds: Burst[] = [];
          for (let round = 0; round < ROUNDS; round += 1) rounds.push(await burst(session, pace));
          const p99s = rounds.map(({ p99 }) => p99);
          const spread = { least: Math.min(...p99s), most: Math.max(...p99s) };
          return { rate, p50: median(rounds.map(({ p50 }) => p50)), p99: median(p99s), ...spread };
        });
      },
    },
  ];
}
