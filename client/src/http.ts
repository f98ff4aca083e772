/** Single operations over HTTP. */

import { Disconnected, errorOf } from './errors.ts';
import type { Answer } from './link.ts';
import { httpUrlOf } from './options.ts';
import { HTTP_ANSWER_WITHIN_MS } from './waits.ts';

/** One operation over HTTP; `token` null: none is needed. */
export type Ask = <Data>(query: string, variables: object, token: string | null) => Promise<Data>;

const JSON_TYPE = 'application/json';

export const post = (
  url: string,
  token: string | null,
  body: object,
  signal: AbortSignal,
  accept = JSON_TYPE,
): Promise<Response> =>
  fetch(httpUrlOf(url), {
    method: 'POST',
    headers: { 'content-type': JSON_TYPE, accept, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    signal,
  });

export function askOver(url: string): Ask {
  return async <Data>(query: string, variables: object, token: string | null): Promise<Data> => {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), HTTP_ANSWER_WITHIN_MS);
    try {
      const response = await post(url, token, { query, variables }, ending.signal);
      const { data, errors } = (await response.json().catch(() => ({}))) as Answer<Data>;
      if (errors?.length) throw errorOf(errors);
      if (!data) throw new Disconnected(`HTTP ${response.status}`);
      return data;
    } finally {
      clearTimeout(timer);
    }
  };
}
