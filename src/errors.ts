/** The closed list of errors, each with its meaning and whether a retry can help. */

export const ERROR_CODES = {
  UNAUTHENTICATED: {
    meaning: 'A valid token is needed; `reason`: `MISSING`, `INVALID`, `EXPIRED` or `REVOKED`.',
    retry: 'with a valid token',
    status: 401,
  },
  FORBIDDEN: { meaning: 'The caller is authenticated and has no right to do this.', retry: 'no', status: 200 },
  NOT_FOUND: { meaning: 'The object does not exist, or the caller may not see it.', retry: 'no', status: 200 },
  BAD_USER_INPUT: { meaning: 'An argument is invalid; the message names the argument.', retry: 'no', status: 200 },
  CONFLICT: {
    meaning: 'The current state does not allow the change; for an append, `length` is the length of the text.',
    retry: 'after reading again',
    status: 200,
  },
  RATE_LIMITED: { meaning: 'Rate limit exceeded.', retry: 'after `retryAfterMs`', status: 429 },
  POSITION_EXPIRED: {
    meaning:
      "A position cannot be resumed, because of `reason`. `conversationId` or `topic` names the log; without both, it is the log of the user's list of conversations.",
    retry: 'without the position',
    status: 200,
  },
  PAYLOAD_TOO_LARGE: {
    meaning: 'The request body, or a streamed message, exceeds its limit; for the message, `length` is its length.',
    retry: 'no',
    status: 413,
  },
  QUERY_TOO_DEEP: { meaning: 'The operation nests deeper than `MAX_QUERY_DEPTH`.', retry: 'no', status: 400 },
  QUERY_TOO_COSTLY: { meaning: 'The operation costs more than its budget.', retry: 'no', status: 400 },
  SERVICE_UNAVAILABLE: {
    meaning:
      'The engine is unavailable or full; the outcome of a write is unknown. For a stream with `reason: SLOW_READER`: the client read too slowly.',
    retry: 'after `retryAfterMs`, a write with the same `clientMessageId`',
    status: 503,
  },
  INTERNAL_SERVER_ERROR: {
    meaning: 'A fault of the service; only the log has details.',
    retry: 'may help',
    status: 500,
  },
} as const satisfies Record<string, { meaning: string; retry: string; status: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes of Apollo Server for parsing, validation and persisted queries, which clients and routers know. */
export const LIBRARY_CODES = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
] as const;

/** The closed list of reasons, by the codes that have them. */
export const REASONS = {
  /** The token is missing, invalid, expired or revoked. */
  UNAUTHENTICATED: ['MISSING', 'INVALID', 'EXPIRED', 'REVOKED'],
  /** A routing rule dropped, refused or diverted the message. */
  FORBIDDEN: ['DROPPED', 'RULE_FAILED', 'ROUTED'],
  /** The position was trimmed away, belongs to another epoch, or was lost in a failover. */
  POSITION_EXPIRED: ['RETENTION', 'EPOCH', 'DIVERGED'],
  /** A slow consumer, which resumes by position. */
  SERVICE_UNAVAILABLE: ['SLOW_READER'],
} as const satisfies { readonly [Code in ErrorCode]?: readonly string[] };

type ReasonOf<Code extends keyof typeof REASONS> = (typeof REASONS)[Code][number];

export type ExpiryReason = ReasonOf<'POSITION_EXPIRED'>;
export type RefusalReason = ReasonOf<'UNAUTHENTICATED'>;
export type Reason = ReasonOf<keyof typeof REASONS>;

export interface ErrorDetails {
  readonly retryAfterMs?: number;
  readonly reason?: Reason;
  readonly cause?: unknown;
  readonly of?: LogName;
  /** For a message being written: the length of its text in code points. */
  readonly length?: number;
}

/** The log that a position belongs to. The caller resumes all other logs. */
export type LogName = { readonly conversationId: string } | { readonly topic: string };

/** An error that the caller sees. Any other thrown error is masked. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly reason: Reason | undefined;
  readonly of: LogName | undefined;
  readonly length: number | undefined;

  /** Whether the client of a stream is a slow consumer. */
  get isSlowReader(): boolean {
    return this.reason === 'SLOW_READER';
  }

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.reason = details.reason;
    this.of = details.of;
    this.length = details.length;
  }
}

const REFUSALS: Record<RefusalReason, string> = {
  MISSING: 'A token is required.',
  INVALID: 'The token is not valid.',
  EXPIRED: 'The token has expired.',
  REVOKED: 'The token has been revoked.',
};

export function unauthenticated(reason: RefusalReason, message = REFUSALS[reason]): ServiceError {
  return new ServiceError('UNAUTHENTICATED', message, { reason });
}

/** The error for absent and for invisible objects, which must not differ. */
export function notFound(noun: string, of?: LogName): ServiceError {
  return new ServiceError('NOT_FOUND', `There is no such ${noun}.`, of ? { of } : {});
}

export function badInput(message: string): ServiceError {
  return new ServiceError('BAD_USER_INPUT', message);
}

/** `of`: the log of the position; left out: the list of a user's conversations. */
export function positionExpired(reason: ExpiryReason, of?: LogName): ServiceError {
  const message = {
    RETENTION: 'The events after the position are no longer kept.',
    EPOCH: 'The position belongs to another epoch of the log.',
    DIVERGED: 'The position is past the end of the log.',
  }[reason];
  return new ServiceError('POSITION_EXPIRED', message, of ? { reason, of } : { reason });
}

export function unavailable(cause?: unknown, retryAfterMs = 1_000): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', 'The service is unavailable; retry after retryAfterMs.', {
    cause,
    retryAfterMs,
  });
}

/** Whether the engine was unavailable, so that a retry may succeed; any other error is a fault of the service. */
export function isOutage(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE';
}

/** The error that ends the stream of a slow consumer, which resumes by position. */
export function slowReader(): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', 'The client reads too slowly.', {
    reason: 'SLOW_READER',
    retryAfterMs: 1_000,
  });
}

/** The same as the close reason of 1013. */
export const TOO_SLOW = 'Client reads too slowly';

/** Close codes of our sockets: RFC 6455 section 7.4, graphql-transport-ws, and docs/protocol.md. */
export const CLOSE_CODES = {
  TOO_MANY_FRAGMENTS: 1008,
  TOO_BIG: 1009,
  SERVICE_RESTART: 1012,
  TRY_AGAIN_LATER: 1013,
  BAD_REQUEST: 4400,
  UNAUTHORIZED: 4401,
  TOKEN_EXPIRED: 4403,
  TIMEOUT: 4408,
  SUBSCRIBER_ALREADY_EXISTS: 4409,
  TOO_MANY: 4429,
} as const;
