/** Which errors mean that Redis is unavailable. */
import { ReplyError } from 'ioredis';
import { ServiceError } from '../../errors.ts';

/**
 * Replies that mean that a server cannot serve now. Any other error is an answer to that command: a server with full
 * memory refuses writes and still serves reads.
 */
const AWAY = /^-?(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY) /;

/** The replies among them that mean that another server may be the primary now. */
const DEMOTED = /^-?(READONLY|MASTERDOWN|LOADING) /;

export function isRedisOutage(cause: unknown): boolean {
  return !(cause instanceof ReplyError) || AWAY.test((cause as Error).message);
}

/** Whether a server is away; otherwise the error is an answer to this one command, as for damaged keys. */
export const isAway = (error: unknown): boolean => error instanceof ServiceError && isRedisOutage(error.cause);

/** Whether the connection leads to a server that is not the primary, so that a new connection may help. */
export const isDemoted = (reply: Error): boolean => DEMOTED.test(reply.message);
