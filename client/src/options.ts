/** The options of a client. */
import { host } from './host.ts';
import type { GetToken } from './sign-in.ts';
import type { Storage } from './types.ts';

export interface RealtimeOptions {
  /**
   * The URL of the GraphQL API, of the service or of a gateway: `https://…/graphql`. `wss:` works as well, and in a
   * page `/graphql`.
   */
  readonly url: string;
  /** Returns the present token; null: signed out. */
  readonly getToken: GetToken;
  /** Uses a session of the service: a token of `getToken` starts it, and then the client refreshes it. */
  readonly session?: boolean | { readonly deviceName?: string };
  /** The id of this device, 1 to 128 of `A-Z a-z 0-9 . _ : @ -`. Left out: one is created and kept in `storage`. */
  readonly deviceId?: string;
  /** Left out: memory. Then unsent messages are lost by a reload, and everything is read again. */
  readonly storage?: Storage;
  /**
   * Left out or `auto`: graphql-ws, or server-sent events where sockets do not open. `websocket` and `sse`: only that
   * one. React Native has no server-sent events.
   */
  readonly transport?: 'auto' | 'websocket' | 'sse';
  /**
   * A request over a socket that has no answer after this time is repeated over HTTP if that is safe, else it rejects.
   * Left out: 10,000.
   */
  readonly answerWithinMs?: number;
  /** If `getToken` has not answered after this time, the client calls it again later. Left out: 30,000. */
  readonly tokenWithinMs?: number;
  /** A `WebSocket` class, such as that of the package `ws`, for hosts that have none. */
  readonly webSocket?: unknown;
}

const absolute = (url: string): string => new URL(url, host.location?.href).href;
export const socketUrlOf = (url: string): string => absolute(url).replace('http', 'ws');
export const httpUrlOf = (url: string): string => absolute(url).replace(/^ws/, 'http');

/** Whether a `WebSocket` class exists. */
export const hasSockets = ({ webSocket }: Pick<RealtimeOptions, 'webSocket'>): boolean =>
  Boolean(webSocket ?? host.WebSocket);
