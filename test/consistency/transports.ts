/** One subscription, opened once, over each of the transports. Its end has a code, or none. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { type CallbackRouter, subscribeByCallback } from '../support/callback-router.ts';
import type { Data } from '../support/service.ts';
import type { TrialNode } from './world.ts';

export interface Response {
  readonly data?: Data;
  readonly errors?: readonly { readonly extensions?: Data }[];
}

export interface Opening {
  readonly node: TrialNode;
  readonly token: string;
  readonly query: string;
  readonly variables: object;
  readonly signal: AbortSignal;
  onResponse(response: Response): void;
}

/** Resolves when the stream is over, however it ends. */
export type Transport = (opening: Opening) => Promise<void>;

const overWebSocket: Transport = ({ node, token, query, variables, signal, onResponse }) =>
  new Promise((resolve) => {
    const client = createClient({
      url: node.wsUrl,
      webSocketImpl: WebSocket,
      connectionParams: { token },
      retryAttempts: 0,
      lazy: true,
    });
    const end = (): void => {
      // One that is still connecting rejects with what became of that.
      Promise.resolve(client.dispose()).catch(() => undefined);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    client.subscribe<Data>(
      { query, variables: variables as Record<string, unknown> },
      {
        next: (response) => onResponse(response as Response),
        error(error) {
          if (Array.isArray(error)) onResponse({ errors: error });
          end();
        },
        complete: end,
      },
    );
  });

/** Chunks of a response, one after the other; `pauseMs` before each. */
async function read(
  { node, token, query, variables, signal, onResponse }: Opening,
  accept: string,
  pauseMs: () => number,
  take: (text: string) => string,
): Promise<void> {
  try {
    const response = await fetch(`${node.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
      signal,
    });
    if (!response.headers.get('content-type')?.startsWith(accept.split(';')[0] ?? '')) {
      return onResponse((await response.json()) as Response);
    }
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of response.body ?? []) {
      text = take(text + decoder.decode(chunk as Uint8Array, { stream: true }));
      const ms = pauseMs();
      if (ms > 0) await wait(ms);
    }
  } catch {
    // Cut, or never opened: whoever reads comes back.
  }
}

/** What is behind the last of the whole parts; each of those is given. */
function split(text: string, end: string, give: (part: string) => void): string {
  const parts = text.split(end);
  for (const part of parts.slice(0, -1)) give(part);
  return parts.at(-1) ?? '';
}

const overSse =
  (pauseMs: () => number): Transport =>
  (opening) =>
    read(opening, 'text/event-stream', pauseMs, (text) =>
      split(text, '\n\n', (event) => {
        const data = /^data: (.+)$/m.exec(event)?.[1];
        if (data) opening.onResponse(JSON.parse(data));
      }),
    );

const overMultipart: Transport = (opening) =>
  read(
    opening,
    'multipart/mixed;subscriptionSpec=1.0',
    () => 0,
    (text) =>
      split(text, '\r\n--graphql', (part) => {
        const json = /\{.*\}/s.exec(part)?.[0];
        const { payload, errors } = json ? JSON.parse(json) : ({} as Data);
        if (payload) opening.onResponse(payload);
        else if (errors) opening.onResponse({ errors });
      }),
  );

const HEARTBEAT_MS = 2_000;
/** A router takes a subscription that it hears nothing of for dead. */
const SILENCE_MS = 3 * HEARTBEAT_MS;

const overCallback =
  (router: CallbackRouter): Transport =>
  async ({ node, token, query, variables, signal, onResponse }) => {
    const id = randomUUID();
    const subscription = {
      callbackUrl: `${router.url}/callback/${id}`,
      subscriptionId: id,
      verifier: id,
      heartbeatIntervalMs: HEARTBEAT_MS,
    };
    let heardAt = performance.now();
    let isOver = false;
    router.messages.length = 0;
    const answer = router.answer;
    router.answer = (message) => {
      const { body } = message;
      // What comes of another is refused: this router knows it no more.
      if (body.id !== id) return 404;
      heardAt = performance.now();
      if (body.action === 'next') onResponse(body.payload);
      if (body.action === 'complete') {
        isOver = true;
        if (body.errors) onResponse({ errors: body.errors });
      }
      return { check: 204, next: 200, complete: 202 }[body.action as 'check'];
    };
    try {
      const response = await subscribeByCallback(node.url, token, { query, variables }, subscription, signal);
      const { errors } = (await response.json()) as Data;
      if (errors) {
        onResponse({ errors });
        return;
      }
      while (!isOver && !signal.aborted && performance.now() - heardAt < SILENCE_MS) await wait(50);
    } catch {
      // See above.
    } finally {
      router.answer = answer;
    }
  };

export const TRANSPORTS = { overWebSocket, overSse, overMultipart, overCallback };
