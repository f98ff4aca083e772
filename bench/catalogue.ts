/** The servers that are compared. */
import { spawnSync } from 'node:child_process';
import type { DialectName } from './protocol.ts';

export type PeerId =
  | 'service-redis'
  | 'service-embedded'
  | 'limited-redis'
  | 'limited-embedded'
  | 'raw-redis'
  | 'raw-embedded'
  | 'sse-redis'
  | 'sse-embedded'
  | 'streamed-redis'
  | 'streamed-embedded'
  | 'stock'
  | 'stock-edits'
  | 'stock-sse'
  | 'apollo'
  | 'mercurius'
  | 'socket-io'
  | 'centrifugo-redis'
  | 'centrifugo-memory'
  | 'bare'
  | 'nats';

export interface PeerSpec {
  readonly id: PeerId;
  readonly name: string;
  /** Its module in `peers/`. */
  readonly module: string;
  readonly dialect: DialectName;
  readonly needsRedis: boolean;
  /** Whether it runs with its rate limits. */
  readonly isLimited?: boolean;
  /** Whether each publication of a conversation contains all earlier text of it as well. */
  readonly isEdited?: boolean;
  /** Whether it authenticates subscribers. */
  readonly needsTokens: boolean;
}

/** The flags of Node with which `npm start`, the image and systemd start this service. All peers on Node have them. */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=32'];

const ours = { needsTokens: true } as const;
const service = { module: 'service', dialect: 'graphql', ...ours } as const;
const raw = { module: 'service-raw', dialect: 'raw', ...ours } as const;
const overEvents = { module: 'service', dialect: 'sse', ...ours } as const;
const streamed = { module: 'service-streamed', dialect: 'streamed', ...ours } as const;
const centrifugo = { module: 'centrifugo', dialect: 'centrifugo', needsTokens: true } as const;
const other = { needsTokens: false } as const;

export const PEERS: readonly PeerSpec[] = [
  { id: 'service-redis', name: 'this service, Redis', needsRedis: true, ...service },
  { id: 'service-embedded', name: 'this service, embedded', needsRedis: false, ...service },
  { id: 'limited-redis', name: 'with rate limits, Redis', needsRedis: true, isLimited: true, ...service },
  { id: 'limited-embedded', name: 'with rate limits, embedded', needsRedis: false, isLimited: true, ...service },
  { id: 'raw-redis', name: 'this service over /ws, Redis', needsRedis: true, ...raw },
  { id: 'raw-embedded', name: 'this service over /ws, embedded', needsRedis: false, ...raw },
  { id: 'sse-redis', name: 'this service over SSE, Redis', needsRedis: true, ...overEvents },
  { id: 'sse-embedded', name: 'this service over SSE, embedded', needsRedis: false, ...overEvents },
  { id: 'streamed-redis', name: 'streamed messages, Redis', needsRedis: true, ...streamed },
  { id: 'streamed-embedded', name: 'streamed messages, embedded', needsRedis: false, ...streamed },
  {
    id: 'stock',
    name: 'graphql-ws + graphql-redis-subscriptions',
    module: 'stock',
    dialect: 'graphql',
    needsRedis: true,
    ...other,
  },
  {
    id: 'stock-edits',
    name: 'the same, an edit for each token',
    module: 'stock',
    dialect: 'graphql',
    needsRedis: true,
    isEdited: true,
    ...other,
  },
  {
    id: 'stock-sse',
    name: 'graphql-sse + graphql-redis-subscriptions',
    module: 'stock-sse',
    dialect: 'sse',
    needsRedis: true,
    ...other,
  },
  {
    id: 'apollo',
    name: 'Apollo Server + ioredis',
    module: 'apollo',
    dialect: 'graphql',
    needsRedis: true,
    ...other,
  },
  {
    id: 'mercurius',
    name: 'Mercurius + mqemitter-redis',
    module: 'mercurius',
    dialect: 'graphql',
    needsRedis: true,
    ...other,
  },
  {
    id: 'socket-io',
    name: 'Socket.IO + Redis adapter',
    module: 'socket-io',
    dialect: 'socket-io',
    needsRedis: true,
    ...other,
  },
  { id: 'centrifugo-redis', name: 'Centrifugo, Redis', needsRedis: true, ...centrifugo },
  { id: 'centrifugo-memory', name: 'Centrifugo, memory', needsRedis: false, ...centrifugo },
  { id: 'bare', name: 'bare ws.send', module: 'bare', dialect: 'graphql', needsRedis: false, ...other },
  { id: 'nats', name: 'nats-server over WebSocket', module: 'nats', dialect: 'nats', needsRedis: false, ...other },
];

/** Centrifugo on its two engines. */
export const CENTRIFUGO: readonly PeerId[] = ['centrifugo-redis', 'centrifugo-memory'];

/** Peers that are programs, and the command that shows whether each is installed. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  nats: ['nats-server', '--version'],
  centrifugo: ['centrifugo', 'version'],
};

/** Why a peer cannot run here; null: it can. */
export function missing({ module }: PeerSpec): string | null {
  const [program, ...words] = PROGRAMS[module] ?? [];
  if (program === undefined) return null;
  if (process.platform !== 'linux') return 'its processor time is read from /proc';
  return spawnSync(program, words).status === 0 ? null : `${program} is not installed`;
}
