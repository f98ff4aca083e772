/** Workloads d and e: the cost of a socket. */
import { oneConversation } from '../audience.ts';
import { CENTRIFUGO, type PeerId, type PeerSpec } from '../catalogue.ts';
import { Session } from '../session.ts';
import { type Figures, grouped, type Scale, type Workload } from './workload.ts';

const COMPARED: readonly PeerId[] = [
  'service-redis',
  'service-embedded',
  'stock',
  'mercurius',
  'socket-io',
  ...CENTRIFUGO,
  'bare',
];
/** Sockets connected before the measurement, so that code is already loaded and compiled. */
const WARM = 500;
const KIB = 1_024;

async function withSession<Value>(
  peer: PeerSpec,
  sockets: number,
  use: (session: Session) => Promise<Value>,
): Promise<Value> {
  const session = await Session.open(peer, oneConversation(sockets));
  try {
    await session.connect(WARM);
    await session.prove();
    await session.idle();
    return await use(session);
  } finally {
    await session.close();
  }
}

/** Probes prove that all were subscribed. They come after the reading, because they leave buffers behind. */
const measureMemory = (peer: PeerSpec, sockets: number): Promise<Figures> =>
  withSession(peer, WARM + sockets, async (session) => {
    const before = await session.usage(true);
    await session.connect(sockets);
    await session.idle();
    const after = await session.usage(true);
    await session.prove();
    return { kib: (after.rss - before.rss) / sockets / KIB };
  });

const measureConnects = (peer: PeerSpec, sockets: number): Promise<Figures> =>
  withSession(peer, WARM + sockets, async (session) => {
    const before = await session.usage();
    const startedAt = performance.now();
    await session.connect(sockets);
    const seconds = (performance.now() - startedAt) / 1_000;
    await session.idle();
    const after = await session.usage();
    await session.prove();
    const user = (after.user - before.user) / sockets;
    const system = (after.system - before.system) / sockets;
    return { user, system, total: user + system, perSecond: sockets / seconds };
  });

export function sockets({ sockets: divisor }: Scale): Workload[] {
  const idle = 10_000 / divisor;
  const connects = 5_000 / divisor;
  return [
    {
      id: 'd',
      title: `Memory of ${grouped(idle)} idle subscribed sockets`,
      about: `Growth of the resident set after garbage collection, divided by sockets; ${WARM} other sockets were connected before. For Centrifugo, after its own garbage collection.`,
      peers: COMPARED,
      columns: [{ figure: 'kib', heading: 'KiB per socket', digits: 1 }],
      main: { figure: 'kib', unit: 'KiB per idle subscribed socket' },
      against: ['bare', 'stock', 'socket-io', ...CENTRIFUGO],
      measure: (peer) => measureMemory(peer, idle),
    },
    {
      id: 'e',
      title: `Connecting, initialising and subscribing ${grouped(connects)} sockets`,
      about:
        'This service verifies an HS256 token, records presence and checks membership, for 1,000 users. Centrifugo verifies the same token and records presence; the other servers do none of this.',
      peers: COMPARED,
      columns: [
        { figure: 'user', heading: 'user µs', digits: 0 },
        { figure: 'system', heading: 'system µs', digits: 0 },
        { figure: 'total', heading: 'total µs', digits: 0 },
        { figure: 'perSecond', heading: 'sockets/s', digits: 0 },
      ],
      main: { figure: 'total', unit: 'µs of server CPU per socket' },
      against: ['bare', 'stock', ...CENTRIFUGO],
      measure: (peer) => measureConnects(peer, connects),
    },
  ];
}
