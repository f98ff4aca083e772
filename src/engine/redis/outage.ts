/** Which failures say that Redis is away. */
import { ReplyError } from 'ioredis';

/** Replies by which a server says that it cannot serve now. Every other is an answer to that command. */
const AWAY = /^(LOADING|BUSY|CLUSTERDOWN|MASTERDOWN|TRYAGAIN) /;

export function isOutage(cause: unknown): boolean {
  return !(cause instanceof ReplyError) || AWAY.test((cause as Error).message);
}
