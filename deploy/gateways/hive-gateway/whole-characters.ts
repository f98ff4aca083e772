/**
 * Hands event streams of subgraphs on at the borders of characters.
 *
 * Hive Gateway decodes each piece that the network delivers by itself, so that a
 * character cut in two would arrive as two faults in a message's text.
 */
import type { GatewayPlugin } from '@graphql-hive/gateway';

export const wholeCharacters: GatewayPlugin = {
  onFetch:
    () =>
    ({ response, setResponse }) => {
      if (!response.body || !response.headers.get('content-type')?.startsWith('text/event-stream')) return;
      const body = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new TextEncoderStream());
      setResponse(new Response(body, { status: response.status, headers: response.headers }));
    },
};
