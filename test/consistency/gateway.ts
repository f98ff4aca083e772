/**
 * A gateway in front of one node of a trial, as in the example. Its front ends have the same guarantees as all others.
 */
import { MODES, placeForGateway, startGateway } from '../support/gateway.ts';
import { TRANSPORTS, type Transport } from './transports.ts';
import type { TrialNode } from './world.ts';

export interface TrialGateway {
  readonly name: string;
  /** From a front end, by SSE. */
  readonly transport: Transport;
  close(): Promise<void>;
}

/** Where it will listen, which the service is told before it starts. */
export interface GatewayPlace {
  /** By which it is called back. */
  readonly callbackUrl: string;
  /** Each way to subscribe has its turn, by the seed. */
  open(node: TrialNode, seed: number): Promise<TrialGateway>;
}

export async function placeTrialGateway(): Promise<GatewayPlace> {
  const place = await placeForGateway();
  return {
    callbackUrl: `${place.url}/callback`,
    async open(node, seed) {
      const mode = MODES[seed % MODES.length] ?? MODES[0];
      const gateway = await startGateway(place, node.url, { SUBSCRIPTION_MODE: mode });
      const overSse = TRANSPORTS.overSse(() => 0);
      return {
        name: `from a gateway that subscribes by ${mode}`,
        transport: (opening) =>
          overSse({
            ...opening,
            node: { ...opening.node, url: place.url },
            // A gateway says why a stream ends, or never began, beside data that is null.
            onResponse: (response) => {
              const { data, errors } = response;
              opening.onResponse(data === null && errors ? { errors } : response);
            },
          }),
        close: gateway.close,
      };
    },
  };
}
