/** A subscription over HTTP as bytes, read as they come. */
import type { TestService } from './service.ts';

export interface RawStream {
  readonly status: number;
  readonly headers: Headers;
  /** Everything received so far. */
  readonly text: string;
  /** How the body ended; null while it lasts. */
  readonly end: 'whole' | 'broken' | null;
  stop(): void;
}

export async function openStream(
  service: Pick<TestService, 'url'>,
  token: string | null,
  body: object,
  headers: Record<string, string> = {},
): Promise<RawStream> {
  const abort = new AbortController();
  const response = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    signal: abort.signal,
    headers: {
      'content-type': 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: JSON.stringify(body),
  });
  let text = '';
  let end: RawStream['end'] = null;
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
  };
  read().then(
    () => {
      end = 'whole';
    },
    () => {
      end = 'broken';
    },
  );
  return {
    status: response.status,
    headers: response.headers,
    get text() {
      return text;
    },
    get end() {
      return end;
    },
    stop: () => abort.abort(),
  };
}
