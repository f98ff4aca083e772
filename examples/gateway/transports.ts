/** The transports of subscriptions between the gateway and its subgraphs. */
import type { TransportEntryAdditions } from '@graphql-hive/gateway-runtime';
import type { Settings } from './settings.ts';
import type { Subgraph } from './supergraph.ts';

export const CALLBACK_PATH = '/callback';
/** A subscription ends if its subgraph has sent nothing for this long. */
const CALLBACK_HEARTBEAT_MS = 5_000;

/** The URL of a subgraph's WebSocket. */
export const socketUrlOf = ({ url, subscriptionUrl }: Subgraph): string =>
  (subscriptionUrl ?? url).replace(/^http/, 'ws');

/** One subgraph's entry in Hive Gateway's `transportEntries`. */
export function transportEntry({ mode, publicUrl }: Settings): TransportEntryAdditions[string] {
  switch (mode) {
    case 'sse':
      // By POST, so that no URL is too long for a proxy.
      return { options: { method: 'POST' } };
    case 'ws':
      // Subscriptions use sockets of their own; everything else uses HTTP.
      return { options: {} };
    case 'callback':
      return {
        options: {
          subscriptions: {
            kind: 'http-callback',
            options: {
              public_url: `${publicUrl}${CALLBACK_PATH}`,
              path: CALLBACK_PATH,
              heartbeat_interval: CALLBACK_HEARTBEAT_MS,
            },
          },
        },
      };
  }
}
