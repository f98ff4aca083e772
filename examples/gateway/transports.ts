/** How subscriptions travel between the gateway and its subgraphs. */
import type { TransportEntryAdditions } from '@graphql-hive/gateway-runtime';
import type { Settings } from './settings.ts';
import type { Subgraph } from './supergraph.ts';

export const CALLBACK_PATH = '/callback';
/** A subscription is over when the subgraph has not said a word for this long. */
const CALLBACK_HEARTBEAT_MS = 5_000;

/** Where a subgraph's web socket is. */
export const socketUrlOf = ({ url, subscriptionUrl }: Subgraph): string =>
  (subscriptionUrl ?? url).replace(/^http/, 'ws');

/** One subgraph's entry in Hive Gateway's `transportEntries`. */
export function transportEntry({ mode, publicUrl }: Settings): TransportEntryAdditions[string] {
  switch (mode) {
    case 'sse':
      // By POST, so that no URL grows too long for a proxy on the way.
      return { options: { method: 'POST' } };
    case 'ws':
      // Subscriptions go over sockets of their own; all else is HTTP.
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
