/**
 * Splits event streams of subgraphs only between characters.
 *
 * Hive Gateway decodes each chunk of the network separately, so a character that is
 * split between two chunks would become two invalid ones in a message's text.
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
