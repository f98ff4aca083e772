/** The schema of the data is stored with it, so that a release that cannot read it says so instead of harming it. */
import type { RedisClient } from './client.ts';
import { StartRefused } from './start-fault.ts';

/**
 * Raised by a release whose data the one before cannot read. While it stands, releases run side by side and may go back;
 * what is only new is ignored by those that do not know it.
 */
export const SCHEMA = 1;

/** @throws {StartRefused} when a newer release wrote what this one cannot read. */
export async function checkSchema(client: RedisClient, key: string): Promise<void> {
  const found = Number(await client.get(key));
  if (found > SCHEMA) {
    throw new StartRefused(
      `The data in Redis was written by a newer release: schema ${found}, this one knows ${SCHEMA}. See docs/upgrading.md.`,
    );
  }
  if (found < SCHEMA) await client.set(key, SCHEMA);
}
