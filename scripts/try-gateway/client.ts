/** A client of a router: queries over HTTP, subscriptions over SSE or graphql-ws, each with the results that it received. */
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: what a query answers is what the trial asked for.
export type Data = any;

export interface Heard {
  readonly data: Data[];
  readonly errors: Data[];
  /** Null while the subscription is open. */
  end: string | null;
  stop(): void;
}

export interface Asked {
  readonly query: string;
  readonly variables?: Record<string, unknown>;
}

const headersOf = (token: string | null): Record<string, string> => ({
  'content-type': 'application/json',
  ...(token === null ? {} : { authorization: `Bearer ${token}` }),
});

export async function ask(url: string, token: string | null, asked: Asked): Promise<Data> {
  const response = await fetch(url, { method: 'POST', headers: headersOf(token), body: JSON.stringify(asked) });
  return response.json();
}

/** The complete events in a text, and the incomplete rest. */
function take(text: string): { readonly bodies: Data[]; readonly rest: string } {
  const events = text.split('\n\n');
  const rest = events.pop() ?? '';
  const bodies = events.flatMap((event) => {
    const data = event.split('\n').flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trim()] : []));
    const json = data.join('\n');
    return json.startsWith('{') ? [JSON.parse(json)] : [];
  });
  return { bodies, rest };
}

function note(heard: Heard, { data, errors }: Data): void {
  if (data && Object.values(data).some((value) => value !== null)) heard.data.push(data);
  if (errors) heard.errors.push(...errors);
}

export function listenBySse(url: string, token: string | null, asked: Asked): Heard {
  const abort = new AbortController();
  const heard: Heard = { data: [], errors: [], end: null, stop: () => abort.abort() };
  const read = async (): Promise<string> => {
    const headers = { ...headersOf(token), accept: 'text/event-stream' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(asked), signal: abort.signal });
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith('text/event-stream')) {
      note(heard, await response.json());
      return `HTTP ${response.status}`;
    }
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      const { bodies, rest } = take(
        (text + decoder.decode(chunk as Uint8Array, { stream: true })).replaceAll('\r', ''),
      );
      text = rest;
      for (const body of bodies) note(heard, body);
    }
    return 'complete';
  };
  read().then(
    (end) => {
      heard.end = end;
    },
    (error: Error) => {
      heard.end = error.message;
    },
  );
  return heard;
}

/** One socket for each subscription, as a page opens it. */
export function listenBySocket(url: string, token: string | null, asked: Asked): Heard {
  const client = createClient({
    url: url.replace('http', 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: token === null ? {} : { Authorization: `Bearer ${token}` },
  });
  const heard: Heard = { data: [], errors: [], end: null, stop: () => void client.dispose() };
  client.subscribe(asked, {
    next: (result) => note(heard, result),
    error: (error) => {
      if (Array.isArray(error)) heard.errors.push(...error);
      heard.end = Array.isArray(error) ? 'error' : `close ${(error as { code?: number }).code ?? String(error)}`;
    },
    complete: () => {
      heard.end ??= 'complete';
    },
  });
  return heard;
}
