/** The error of an operation. */
import type { Fault } from './types.ts';

export interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

export const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** An error of the service; `code` is one of the closed list. */
export class RequestError extends Error {
  override readonly name: string = 'RequestError';
  declare readonly code: string;
  declare readonly reason: string | null;
  declare readonly retryAfterMs: number | null;
  declare readonly extensions: Readonly<Record<string, unknown>>;

  constructor({ message, extensions = {} }: GraphQLErrorLike) {
    super(message);
    const { code, reason, retryAfterMs } = extensions;
    this.code = textOf(code) ?? 'INTERNAL_SERVER_ERROR';
    this.reason = textOf(reason);
    this.retryAfterMs = typeof retryAfterMs === 'number' ? retryAfterMs : null;
    this.extensions = extensions;
  }
}

/** An error that the client itself detects. */
export const refusal = (code: string, message: string): RequestError =>
  new RequestError({ message, extensions: { code } });

/** The error as plain data. */
export const faultOf = ({ code, message, extensions }: RequestError): Fault => ({ ...extensions, code, message });

/** Whether the token is not accepted. */
export const isUnauthenticated = (error: unknown): error is RequestError =>
  error instanceof RequestError && error.code === 'UNAUTHENTICATED';

/**
 * The connection ended before the answer arrived, so the operation may have been done. Without a connection it was not
 * sent.
 */
export class Disconnected extends Error {
  override readonly name: string = 'Disconnected';

  constructor(message = 'The connection ended.') {
    super(message);
  }
}

export const unconnected = (): Disconnected => new Disconnected('There is no connection.');

/** No answer came in time; the connection itself may be alive. */
export class Overdue extends Disconnected {}

/** The first of a list of GraphQL errors; for anything else a `Disconnected`. */
export function errorOf(errors: unknown): RequestError | Disconnected {
  const first = Array.isArray(errors) ? (errors[0] as Partial<GraphQLErrorLike> | null) : null;
  return typeof first?.message === 'string' ? new RequestError(first as GraphQLErrorLike) : new Disconnected();
}

/** Whether a retry may succeed: the request itself is valid. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof RequestError) ||
  ['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'UNAUTHENTICATED'].includes(error.code);
