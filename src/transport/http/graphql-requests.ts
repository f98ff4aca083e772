/** Decides which requests to `/graphql` are read at all, before their document is parsed. */
import { type Readable, Transform } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { Kind, parse } from 'graphql';
import { ServiceError } from '../../errors.ts';
import { toGraphQLError } from '../../graphql/errors.ts';
import { isOpenDocument, isTooLong, tooLong } from '../../graphql/operations.ts';
import { LIMITS } from '../../limits.ts';

/** @throws {ServiceError} for a `Host` or proxy header from which Apollo's integration cannot build a URL. */
export function requireReadable({ url, protocol, hostname }: FastifyRequest): void {
  if (URL.canParse(url, `${protocol}://${hostname}/`)) return;
  throw new ServiceError('BAD_USER_INPUT', 'The Host header or an X-Forwarded header is malformed.');
}

/** The body, cut with an error at the length that a caller without a token may send. */
export function cutBody(body: Readable): Readable {
  let bytes = 0;
  const cut = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes <= LIMITS.strangerBodyBytes) return done(null, chunk);
      done(new ServiceError('PAYLOAD_TOO_LARGE', 'The request body is too large for a request without a valid token.'));
    },
  });
  body.once('error', (error) => cut.destroy(error));
  return body.pipe(cut);
}

/**
 * @throws {GraphQLError} with status 415 for a body in another charset or compressed, which this service does not
 * decode.
 */
export function requireUtf8({ headers }: FastifyRequest): void {
  const charset = /;\s*charset="?([^";]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (/^(utf-?8|us-ascii)$/i.test(charset) && (headers['content-encoding'] ?? 'identity') === 'identity') return;
  throw toGraphQLError(new ServiceError('BAD_USER_INPUT', 'The body must be plain UTF-8.'), 415);
}

/** @throws {GraphQLError} PAYLOAD_TOO_LARGE, with status 413. */
export function requireShort(body: unknown): void {
  const query = (body as { query?: unknown } | null)?.query;
  if (typeof query === 'string' && isTooLong(query)) throw toGraphQLError(tooLong(), 413);
}

export function givenIn({ method, body, query }: FastifyRequest): {
  readonly query?: unknown;
  readonly operationName?: unknown;
} {
  return (method === 'POST' ? body : query) ?? {};
}

/** Whether a request may be handled without a valid token. */
export function isOpen(request: FastifyRequest, isProduction: boolean): boolean {
  const { query, operationName } = givenIn(request);
  // A body that is not a GraphQL request is refused without a check of rights.
  if (typeof query !== 'string') return true;
  return isOpenDocument(query, typeof operationName === 'string' ? operationName : null, isProduction);
}

export const notInJson = (): ServiceError =>
  new ServiceError('BAD_USER_INPUT', 'Accept: must allow application/json or application/graphql-response+json.');

/** Whether a person opened the address in a browser, and no client asks for data. */
export function isBrowser({ headers, query }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true && !(query as { query?: unknown }).query;
}

export function hasJsonBody(request: FastifyRequest): boolean {
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  return /^application\/([\w.+-]+\+)?json$/i.test(type.trim());
}

/** Whether a body asks for the SDL only. */
export function isSdlRequest(body: unknown): boolean {
  const query = (body as { query?: unknown } | null)?.query;
  if (typeof query !== 'string' || query.length > LIMITS.openDocumentBytes) return false;
  try {
    return parse(query, { maxTokens: 50 }).definitions.every(
      (definition) =>
        definition.kind === Kind.OPERATION_DEFINITION &&
        definition.selectionSet.selections.every(
          (selection) => selection.kind === Kind.FIELD && selection.name.value === '_service',
        ),
    );
  } catch {
    return false;
  }
}
