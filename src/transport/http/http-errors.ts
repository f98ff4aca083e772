/** Answers with an error: status, headers, and the GraphQL form of the error at every path. */
import type { FastifyReply } from 'fastify';
import { GraphQLError } from 'graphql';
import { badInput, ERROR_CODES, type ErrorCode, ServiceError } from '../../errors.ts';
import type { FormatError } from '../../graphql/errors.ts';
import { sayWhenToRetry } from './retry-after.ts';

export function sayError(reply: FastifyReply, error: unknown, formatError: FormatError): FastifyReply {
  const known = asServiceError(error);
  const formatted = formatError(known ?? error);
  const extensions = formatted.extensions ?? {};
  const { code } = extensions as { code: ErrorCode };
  sayWhenToRetry(reply, extensions);
  const status = known?.code === 'BAD_USER_INPUT' ? 400 : ERROR_CODES[code]?.status;
  return reply.code(statusOf(error) ?? status ?? 400).send({ errors: [formatted] });
}

/** The HTTP status of a thrown GraphQL error. */
function statusOf(error: unknown): number | null {
  const http =
    error instanceof GraphQLError ? (error.extensions['http'] as { status?: number } | undefined) : undefined;
  return http?.status ?? null;
}

/** Messages for faults of a body, by Fastify's code. */
const UNREADABLE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_BAD_URL: 'The URL is malformed.',
};

/** Fastify's errors about an unreadable request, in our codes. */
function asServiceError(error: unknown): ServiceError | null {
  if (error instanceof ServiceError) return error;
  const { statusCode, code = '' } = error as { statusCode?: unknown; code?: string };
  if (statusCode === 413)
    return new ServiceError(
      'PAYLOAD_TOO_LARGE',
      'The request body is too large; MAX_BODY_BYTES is the limit at /graphql.',
    );
  if (typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500) {
    return badInput(UNREADABLE[code] ?? 'The request is malformed.');
  }
  return null;
}
