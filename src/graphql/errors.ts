/** The public form of errors: the closed list, without internal details. */
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { ERROR_CODES, LIBRARY_CODES, ServiceError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Wording } from './wording.ts';

export type FormatError = (error: unknown) => GraphQLFormattedError;

/** The error under the wrappers that graphql-js and Apollo Server put around it. */
export function originOf(error: unknown): unknown {
  let origin = error;
  while (origin instanceof GraphQLError && origin.originalError) origin = origin.originalError;
  return origin;
}

const LISTED: ReadonlySet<unknown> = new Set([...Object.keys(ERROR_CODES), ...LIBRARY_CODES]);

/** A code of the closed list: Apollo Server and libraries may use other codes. */
const listed = (code: unknown): string => (LISTED.has(code) ? String(code) : 'BAD_USER_INPUT');

/** The public form of an error that the request caused; null for faults of the service. */
function requestFault(error: unknown, origin: unknown): { readonly code: string; readonly message: string } | null {
  const code = error instanceof GraphQLError ? error.extensions['code'] : undefined;
  if (origin instanceof GraphQLError && code !== 'INTERNAL_SERVER_ERROR') {
    return { code: listed(origin.extensions['code'] ?? code), message: origin.message };
  }
  // A document that exhausts the parser's stack.
  return code === 'GRAPHQL_PARSE_FAILED' ? { code, message: 'The document cannot be parsed.' } : null;
}

function extensionsOf(error: ServiceError): Record<string, unknown> {
  return {
    code: error.code,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    ...(error.reason === undefined ? {} : { reason: error.reason }),
    ...(error.length === undefined ? {} : { length: error.length }),
    ...error.of,
  };
}

/** Every error message that leaves this process goes through `tell`. */
export function createErrorFormatter(log: Log, count: (code: string) => void, tell: Wording): FormatError {
  return (error) => {
    const origin = originOf(error);
    const where = error instanceof GraphQLError ? error.toJSON() : {};
    const { message: _message, extensions: _extensions, ...place } = where as Partial<GraphQLFormattedError>;
    if (origin instanceof ServiceError) {
      if (origin.cause) log.warn({ err: origin.cause, code: origin.code }, 'operation failed');
      count(origin.code);
      return { message: tell(origin.message), ...place, extensions: extensionsOf(origin) };
    }
    const fault = requestFault(error, origin);
    if (fault) {
      count(fault.code);
      return { message: tell(fault.message), ...place, extensions: { code: fault.code } };
    }
    log.error({ err: origin }, 'unexpected fault');
    count('INTERNAL_SERVER_ERROR');
    const message = 'An internal error occurred.';
    return { message, ...place, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  };
}

/** A service error in the form of graphql-js and Apollo Server, with its HTTP status. */
export function toGraphQLError(error: ServiceError, status: number = ERROR_CODES[error.code].status): GraphQLError {
  return new GraphQLError(error.message, {
    originalError: error,
    extensions: { ...extensionsOf(error), http: { status } },
  });
}
