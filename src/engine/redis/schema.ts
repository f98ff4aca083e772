/**
 * The version of the data's schema is stored with the data, so that a release that cannot read it refuses to start
 * instead of damaging it.
 */
import type { RedisClient } from './client.ts';
import { StartRefused } from './start-fault.ts';

/**
 * Raised by a release whose data the previous one cannot read. While it is unchanged, releases run side by side and can
 * be rolled back; a release ignores additions that it does not know.
 */
export const SCHEMA = 1;

/** @throws {StartRefused} when a newer release wrote what this one cannot read. */
export async function checkSchema(client: RedisClient, key: string): Promise<void> {
  const found = Number(await client.get(key));
  if (found > SCHEMA) {
    throw new StartRefused(
      `The data in Redis was written by a newer release: schema ${found}; this release supports ${SCHEMA}. See docs/upgrading.md.`,
    );
  }
  if (found < SCHEMA) await client.set(key, SCHEMA);
}
