/** Single operations over HTTP, for what is asked while there is no connection. */
import { Disconnected, errorOf } from './errors.ts';
import type { Ask } from './session.ts';

interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly unknown[];
}

const ANSWER_WITHIN_MS = 20_000;

export function askOver(url: string): Ask {
  return async <Data>(query: string, variables: object, token: string | null): Promise<Data> => {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), ANSWER_WITHIN_MS);
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization },
        body: JSON.stringify({ query, variables }),
        signal: ending.signal,
      });
      const { data, errors } = (await response.json()) as Answer<Data>;
      if (errors?.length) throw errorOf(errors);
      if (!data) throw new Disconnected();
      return data;
    } finally {
      clearTimeout(timer);
    }
  };
}
