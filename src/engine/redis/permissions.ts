/** Runs each kind of command once at the start, so that a missing permission is reported before a client needs it. */
import { randomUUID } from 'node:crypto';
import type { RedisClient } from './client.ts';
import { forbiddenBy } from './start-fault.ts';

/** The least rights that work, for the prefix `rt`. */
export const LEAST_RIGHTS = '~rt:* &rt:* -@all +@read +@write +@pubsub +@scripting +info +ping +time +select';

export interface Permissions {
  readonly commands: RedisClient;
  readonly announcements: RedisClient;
  readonly prefix: string;
}

/** @throws {StartFault} that names the command which this user may not run. */
export async function checkPermissions({ commands, announcements, prefix }: Permissions): Promise<void> {
  const name = `${prefix}:{check.${randomUUID()}}`;
  const tries: readonly (readonly [command: string, run: () => Promise<unknown>])[] = [
    ['INFO', () => commands.info('server')],
    ['SET', () => commands.set(name, '1', 'PX', 1_000)],
    ['GET', () => commands.get(name)],
    ['PING', () => announcements.ping()],
    ['TIME', () => commands.time()],
    ['EVAL', () => commands.eval("return redis.call('TIME')", 1, name)],
    ['SSUBSCRIBE', () => announcements.ssubscribe(name)],
    ['SPUBLISH', () => commands.spublish(name, '')],
    ['SUNSUBSCRIBE', () => announcements.sunsubscribe(name)],
  ];
  for (const [command, run] of tries) {
    try {
      await run();
    } catch (error) {
      throw forbiddenBy(command, error as Error) ?? error;
    }
  }
}
