/** The ways in which a client opens its inbox. Each is one subscription, opened once. */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import type { Data } from '../support/service.ts';

export interface Opening {
  /** Of the service or of a gateway, without a path. */
  readonly url: string;
  readonly token: string;
  readonly query: string;
  /** The checkpoint to resume at; null: from now on. */
  readonly checkpoint: string | null;
  /** The positions of messages received since that checkpoint. */
  readonly since: readonly string[];
  onEvent(event: Data): void;
  /** Told once, with what ended it; none where it was cut. */
  onEnd(errors: readonly Data[]): void;
}

export interface Way {
  readonly name: string;
  /** Whether what followed a checkpoint may come again. */
  readonly isRepeatable: boolean;
  /** Answers how to leave. */
  open(opening: Opening): () => void;
}

const after = ({ checkpoint, since }: Opening): string[] => (checkpoint === null ? [] : [checkpoint, ...since]);

function overWebSocket(opening: Opening): () => void {
  const { url, token, query, onEvent, onEnd } = opening;
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { token },
    retryAttempts: 0,
  });
  const end = (errors: readonly Data[]): void => {
    // One that is still connecting rejects with what became of that.
    Promise.resolve(client.dispose()).catch(() => undefined);
    onEnd(errors);
  };
  client.subscribe<Data>(
    { query, variables: { after: after(opening) } },
    {
      next: ({ data }) => onEvent(data?.inbox),
      error: (errors) => end(Array.isArray(errors) ? errors : []),
      complete: () => end([]),
    },
  );
  return () => end([]);
}

/** One event of an event stream, or a heartbeat. */
function takeEvent(text: string, { onEvent, onEnd }: Opening): void {
  const json = /^data: (.+)$/m.exec(text)?.[1];
  if (!json) return;
  const { data, errors } = JSON.parse(json);
  if (errors) onEnd(errors);
  else if (data) onEvent(data.inbox);
}

async function readEvents(response: Response, opening: Opening): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) takeEvent(part, opening);
  }
}

function overHttp(opening: Opening, variables: object, headers: Record<string, string>): () => void {
  const abort = new AbortController();
  const follow = async (): Promise<void> => {
    const response = await fetch(`${opening.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${opening.token}`,
        ...headers,
      },
      body: JSON.stringify({ query: opening.query, variables }),
      signal: abort.signal,
    });
    if (response.headers.get('content-type')?.startsWith('text/event-stream')) return readEvents(response, opening);
    opening.onEnd(((await response.json()) as Data).errors ?? []);
  };
  follow()
    .catch(() => undefined)
    .finally(() => opening.onEnd([]));
  return () => abort.abort();
}

export const WAYS: readonly Way[] = [
  { name: 'graphql-ws', isRepeatable: false, open: overWebSocket },
  {
    name: 'SSE with Last-Event-ID',
    isRepeatable: true,
    // As an EventSource does by itself: the query stays the same.
    open: (opening) =>
      overHttp(opening, {}, opening.checkpoint === null ? {} : { 'last-event-id': opening.checkpoint }),
  },
];

/** From a gateway, by SSE: it has no ids of its own for events. */
export const BEHIND_GATEWAY: Way = {
  name: 'a gateway',
  isRepeatable: false,
  open: (opening) => overHttp(opening, { after: after(opening) }, {}),
};
