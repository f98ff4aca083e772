/** The closed list of errors: what each code means, and whether trying again can help. */

export const ERROR_CODES = {
  UNAUTHENTICATED: {
    meaning: 'Nobody is known by the token; `reason`: `MISSING`, `INVALID`, `EXPIRED` or `REVOKED`.',
    retry: 'with a valid token',
    status: 401,
  },
  FORBIDDEN: { meaning: 'The caller is known and may not do this.', retry: 'no', status: 200 },
  NOT_FOUND: { meaning: 'It does not exist, or the caller may not see it.', retry: 'no', status: 200 },
  BAD_USER_INPUT: { meaning: 'An argument breaks a rule; the message names it.', retry: 'no', status: 200 },
  CONFLICT: {
    meaning: 'The state of things does not allow it; of an append, `length` says how long the text is.',
    retry: 'after reading again',
    status: 200,
  },
  RATE_LIMITED: { meaning: 'Rate limit exceeded.', retry: 'after `retryAfterMs`', status: 429 },
  POSITION_EXPIRED: {
    meaning:
      'A position cannot be resumed; `reason` says why, `conversationId` or `topic` of which log; neither: of the list of conversations.',
    retry: 'without it',
    status: 200,
  },
  PAYLOAD_TOO_LARGE: {
    meaning: 'The request body is over its cap, or a streamed message is; of that, `length` says how long it is.',
    retry: 'no',
    status: 413,
  },
  QUERY_TOO_DEEP: { meaning: 'The operation nests deeper than `MAX_QUERY_DEPTH`.', retry: 'no', status: 400 },
  QUERY_TOO_COSTLY: { meaning: 'The operation asks for more than its budget.', retry: 'no', status: 400 },
  SERVICE_UNAVAILABLE: {
    meaning:
      'The engine is away or full; the outcome of a write is unknown. Of a stream with `reason: SLOW_READER`: it was not read fast enough.',
    retry: 'after `retryAfterMs`, a write with the same `clientMessageId`',
    status: 503,
  },
  INTERNAL_SERVER_ERROR: { meaning: 'A fault of ours, told to the log only.', retry: 'perhaps', status: 500 },
} as const satisfies Record<string, { meaning: string; retry: string; status: number }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Codes of Apollo Server that clients and routers know: of parsing, validation and persisted queries. */
export const LIBRARY_CODES = [
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'PERSISTED_QUERY_NOT_FOUND',
  'PERSISTED_QUERY_NOT_SUPPORTED',
] as const;

/** The closed list of reasons, by the codes that have them. */
export const REASONS = {
  /** Why nobody is known by a token: there is none, or it is not good, no longer, or taken back. */
  UNAUTHENTICATED: ['MISSING', 'INVALID', 'EXPIRED', 'REVOKED'],
  /** Why a routing rule kept something from where it was sent. */
  FORBIDDEN: ['DROPPED', 'RULE_FAILED', 'ROUTED'],
  /** Why a position cannot be resumed: trimmed away, another epoch of the log, or lost in a failover. */
  POSITION_EXPIRED: ['RETENTION', 'EPOCH', 'DIVERGED'],
  /** A reader that fell too far behind: it resumes by position. */
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
  /** Of a message that is being written: how long its text is, in code points. */
  readonly length?: number;
}

/** Whose log a position is of: the caller resumes the others without it. */
export type LogName = { readonly conversationId: string } | { readonly topic: string };

/** An error the caller is told of. Anything else that is thrown is masked. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly reason: Reason | undefined;
  readonly of: LogName | undefined;
  readonly length: number | undefined;

  /** The reader of a stream did not keep up. */
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

/** The answer for what is not there, and for what the caller may not see: the two must not differ. */
export function notFound(noun: string, of?: LogName): ServiceError {
  return new ServiceError('NOT_FOUND', `There is no such ${noun}.`, of ? { of } : {});
}

export function badInput(message: string): ServiceError {
  return new ServiceError('BAD_USER_INPUT', message);
}

/** `of`: whose log the position is of; left out: of the list of a user's conversations. */
export function positionExpired(reason: ExpiryReason, of?: LogName): ServiceError {
  const message = {
    RETENTION: 'The position is older than what is kept.',
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

/** Whether it comes of the engine's absence, and may go well when it is tried again; anything else is a fault of ours. */
export function isOutage(error: unknown): boolean {
  return error instanceof ServiceError && error.code === 'SERVICE_UNAVAILABLE';
}

/** Ends the stream of a reader that fell too far behind: it resumes by position. */
export function slowReader(): ServiceError {
  return new ServiceError('SERVICE_UNAVAILABLE', 'The client reads too slowly.', {
    reason: 'SLOW_READER',
    retryAfterMs: 1_000,
  });
}

/** The reason beside 1013 that says the same. */
export const TOO_SLOW = 'Client reads too slowly';

/** Close codes of our sockets: RFC 6455 section 7.4, graphql-transport-ws, and section 7 of the contract. */
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
