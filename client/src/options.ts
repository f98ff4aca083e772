/** How a client is made. */
import { host } from './host.ts';
import type { GetToken } from './sign-in.ts';
import type { Storage } from './types.ts';

export interface RealtimeOptions {
  /** Of the GraphQL API, of the service or of a gateway before it: `https://…/graphql`; `wss:` is taken as well, and in a page `/graphql`. */
  readonly url: string;
  /** The token of the moment; null: nobody is signed in. */
  readonly getToken: GetToken;
  /** A session of the service: it is begun by a token of `getToken`, and then lasts by itself. */
  readonly session?: boolean | { readonly deviceName?: string };
  /** Of this device, 1 to 128 of `A-Z a-z 0-9 . _ : @ -`. Left out: one is made, and kept in `storage`. */
  readonly deviceId?: string;
  /** Left out: memory. Messages then do not survive a reload, and all is read anew. */
  readonly storage?: Storage;
  /**
   * Left out or `auto`: graphql-ws, and server-sent events where sockets do not open. `websocket` and `sse`: only that.
   * React Native has no server-sent events.
   */
  readonly transport?: 'auto' | 'websocket' | 'sse';
  /** A request over a socket without an answer for so long is asked over HTTP where that is safe, or rejects. Left out: 10,000. */
  readonly answerWithinMs?: number;
  /** Where the place has none: a `WebSocket` such as that of the package `ws`. */
  readonly webSocket?: unknown;
}

const absolute = (url: string): string => new URL(url, host.location?.href).href;
export const socketUrlOf = (url: string): string => absolute(url).replace(/^http/, 'ws');
export const httpUrlOf = (url: string): string => absolute(url).replace(/^ws/, 'http');

/** Whether there is a `WebSocket` here. */
export const hasSockets = ({ webSocket }: Pick<RealtimeOptions, 'webSocket'>): boolean =>
  Boolean(webSocket ?? host.WebSocket);
