/** The commands of the benchmark to its processes over IPC, and their answers. */

export interface Message {
  readonly conversation: string;
  readonly sequence: number;
  readonly content: string;
}

/** Microseconds of processor time so far, and the present bytes of memory. */
export interface Usage {
  readonly user: number;
  readonly system: number;
  readonly rss: number;
}

export type PeerCommand =
  /** The members of each conversation, before any client connects. */
  | { readonly kind: 'setup'; readonly members: readonly (readonly string[])[] }
  | { readonly kind: 'publish'; readonly messages: readonly Message[] }
  /** `collect`: after a garbage collection. */
  | { readonly kind: 'usage'; readonly collect: boolean };

export type PeerReport =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'ready' }
  | ({ readonly kind: 'usage' } & Usage);

export type DialectName = 'graphql' | 'sse' | 'streamed' | 'raw' | 'socket-io' | 'centrifugo' | 'nats';

export interface Subscriber {
  readonly token: string;
  readonly conversations: readonly number[];
}

export type LoadCommand =
  | {
      readonly kind: 'prepare';
      readonly host?: string;
      readonly port: number;
      readonly dialect: DialectName;
      readonly subscribers: number;
      readonly conversations: number;
      /** Connections opened at the same time. */
      readonly opening?: number;
    }
  | { readonly kind: 'connect'; readonly subscribers: readonly Subscriber[] }
  | { readonly kind: 'progress' }
  /** Latencies since the last sample. */
  | { readonly kind: 'sample' };

export interface Progress {
  /** Pairs of a subscriber and a conversation that have received a probe. */
  readonly ready: number;
  readonly received: number;
  /** Frames that carried the messages, and their bytes. */
  readonly frames: number;
  readonly bytes: number;
  /** The time of the last message, in microseconds of the machine's monotonic clock. */
  readonly lastAt: number;
  readonly faults: number;
  readonly firstFault: string | null;
}

/** Milliseconds from publishing to the subscriber. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

export type LoadReport =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'connected' }
  | ({ readonly kind: 'progress' } & Progress)
  | ({ readonly kind: 'sample' } & Latency);
