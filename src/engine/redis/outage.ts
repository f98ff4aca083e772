/** Which failures say that Redis is away. */
import { ReplyError } from 'ioredis';

/**
 * Replies by which a server says that it cannot serve now. Every other is an answer to that command:
 * a server whose memory is full refuses writes and still serves reads.
 */
const AWAY = /^-?(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY) /;

/** Of them, those by which a server says that another one may be the primary now: its name may lead there. */
const DEMOTED = /^-?(READONLY|MASTERDOWN|LOADING) /;

export function isOutage(cause: unknown): boolean {
  return !(cause instanceof ReplyError) || AWAY.test((cause as Error).message);
}

/** Whether the connection leads to a server that is not the primary, so that a new connection may help. */
export const isDemoted = (reply: Error): boolean => DEMOTED.test(reply.message);
