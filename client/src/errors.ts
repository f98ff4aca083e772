/** The error of an operation. */

interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** An error of the service; `code` is one of its closed list. */
export class RequestError extends Error {
  readonly code: string;
  readonly reason: string | null;
  readonly retryAfterMs: number | null;
  readonly extensions: Readonly<Record<string, unknown>>;

  constructor({ message, extensions = {} }: GraphQLErrorLike) {
    super(message);
    this.name = 'RequestError';
    const { code, reason, retryAfterMs } = extensions;
    this.code = typeof code === 'string' ? code : 'INTERNAL_SERVER_ERROR';
    this.reason = typeof reason === 'string' ? reason : null;
    this.retryAfterMs = typeof retryAfterMs === 'number' ? retryAfterMs : null;
    this.extensions = extensions;
  }
}

/** The connection ended before the answer came: what was asked may have been done. */
export class Disconnected extends Error {
  constructor() {
    super('The connection ended before the answer came.');
    this.name = 'Disconnected';
  }
}

const isError = (value: unknown): value is GraphQLErrorLike =>
  typeof value === 'object' && value !== null && typeof (value as { message?: unknown }).message === 'string';

/** No answer came in time; the connection itself may be alive. */
export class Overdue extends Disconnected {}

/** Of a list of GraphQL errors, the first; of anything else, that the connection ended. */
export function errorOf(errors: unknown): RequestError | Disconnected {
  const first: unknown = Array.isArray(errors) ? errors[0] : null;
  return isError(first) ? new RequestError(first) : new Disconnected();
}

/** Whether the same may succeed later: nothing is wrong with what was asked. */
export const isPassing = (error: unknown): boolean =>
  !(error instanceof RequestError) ||
  ['RATE_LIMITED', 'SERVICE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR', 'UNAUTHENTICATED'].includes(error.code);
