/** Sends operations to the service over HTTP, again if the outcome is unknown: the operations of a streamed message are idempotent. */
import { setTimeout as wait } from 'node:timers/promises';

// biome-ignore lint/suspicious/noExplicitAny: what an operation answers is what it asked for.
type Data = any;

export type Ask = (query: string, variables: object) => Promise<Data>;

const RETRY_MS = 500;
const RETRIED = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

interface Answer {
  readonly data?: Data;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Data }[];
}

export function askAt(url: string, token: string): Ask {
  async function once(query: string, variables: object): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
      return (await response.json()) as Answer;
    } catch {
      // No connection, or a lost one: the outcome is unknown.
      return { errors: [{ message: 'No answer.', extensions: { code: 'SERVICE_UNAVAILABLE' } }] };
    }
  }

  return async (query, variables) => {
    for (;;) {
      const { data, errors } = await once(query, variables);
      const [error] = errors ?? [];
      if (!error) return data;
      if (!RETRIED.has(error.extensions?.code)) throw new Error(error.message);
      await wait(error.extensions.retryAfterMs ?? RETRY_MS);
    }
  };
}
