/**
 * The version of the data's schema is stored with the data, so that a release that cannot read it refuses to start
 * instead of damaging it. A release ignores additions that it does not know.
 *
 * Version 2 is the compact form of messages and of their keys (`lua/messages.lua`, `lua/sent-keys.lua`), and memberships
 * that wait in a list (`lua/waiting-notes.lua`), which 0.1.0 cannot read. A Redis that was empty at the first start has
 * it. Data of an older release keep version 1, in which releases run side by side and can be rolled back, until an
 * operator raises it (docs/upgrading.md). Every node of this release reads both, in any mixture.
 */
import { Cluster } from 'ioredis';
import type { RedisClient } from './client.ts';
import { keyOwnerPattern } from './key-owners.ts';
import type { Keys } from './keys.ts';
import { StartRefused } from './start-fault.ts';

/** The newest version that this release reads. */
export const SCHEMA = 2;

/** How new messages are written, and whether new memberships may wait in a list. */
export interface DataForm {
  isCompact: boolean;
}

/** Whether there is a conversation or a user, or a node that runs: 0.1.0 stored no version. */
async function hasData(client: RedisClient, keys: Keys, prefix: string): Promise<boolean> {
  if ((await client.exists(keys.leases)) > 0) return true;
  for (const server of client instanceof Cluster ? client.nodes('master') : [client]) {
    let cursor = '0';
    do {
      const [next, names] = await server.scan(cursor, 'MATCH', keyOwnerPattern(prefix), 'COUNT', 1_000);
      if (names.length > 0) return true;
      cursor = next;
    } while (cursor !== '0');
  }
  return false;
}

/**
 * Whether the data have the compact form.
 *
 * @throws {StartRefused} when a newer release wrote what this one cannot read.
 */
export async function checkSchema(client: RedisClient, keys: Keys, prefix: string): Promise<boolean> {
  if ((await client.get(keys.schema)) === null) {
    const first = (await hasData(client, keys, prefix)) ? 1 : SCHEMA;
    // When nodes start together, the first one decides.
    await client.setnx(keys.schema, first);
  }
  const found = Number(await client.get(keys.schema));
  if (found > SCHEMA) {
    throw new StartRefused(
      `The data in Redis was written by a newer release: schema ${found}; this release supports ${SCHEMA}. See docs/upgrading.md.`,
    );
  }
  return found >= SCHEMA;
}
