/** Single operations over HTTP. */
import { Disconnected, errorOf } from './errors.ts';
import type { Answer } from './link.ts';

/** One operation over HTTP; the token is null where none is needed. */
export type Ask = <Data>(query: string, variables: object, token: string | null) => Promise<Data>;

const ANSWER_WITHIN_MS = 20_000;

export const headersOf = (token: string | null): Record<string, string> => ({
  'content-type': 'application/json',
  ...(token === null ? {} : { authorization: `Bearer ${token}` }),
});

export function askOver(url: string): Ask {
  return async <Data>(query: string, variables: object, token: string | null): Promise<Data> => {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), ANSWER_WITHIN_MS);
    try {
      const body = JSON.stringify({ query, variables });
      const response = await fetch(url, { method: 'POST', headers: headersOf(token), body, signal: ending.signal });
      const { data, errors } = (await response.json()) as Answer<Data>;
      if (errors?.length) throw errorOf(errors);
      if (!data) throw new Disconnected();
      return data;
    } finally {
      clearTimeout(timer);
    }
  };
}
