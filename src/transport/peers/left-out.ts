/**
 * An empty string in an optional field of a request counts as left out, on every transport, since some clients send it.
 */

const OPTIONAL = ['operationName', 'variables', 'extensions'];
const EMPTY = /&(?:operationName|variables|extensions)=(?=&|$)/g;

export function leaveOutEmpty(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const fields = body as Record<string, unknown>;
  for (const name of OPTIONAL) if (fields[name] === '') delete fields[name];
}

/** The same for a URL, whose text Apollo Server reads. */
export function withoutEmpty(url: string): string {
  const at = url.indexOf('?');
  return at < 0 ? url : `${url.slice(0, at)}?${`&${url.slice(at + 1)}`.replace(EMPTY, '').slice(1)}`;
}
