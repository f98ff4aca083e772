/**
 * Removes abandoned data: conversations without members, presence of users who have gone, connections of unknown nodes,
 * lists that have been empty for long, and expired messages in conversations that nobody opens.
 *
 * One node at a time walks over the keys, a part each `TIMES.tidyMs`, and checks whether each conversation and user is
 * abandoned. Changes write nothing for this, so they cost no more, and data of older releases or dead nodes is found as
 * well.
 */
import { randomUUID } from 'node:crypto';
import { Cluster } from 'ioredis';
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { Retention } from '../../model.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { decodeConversation } from './codec.ts';
import { type DeleteConversation, NOBODY } from './deletion.ts';
import type { EventOutbox } from './event-outbox.ts';
import { type KeyOwner, keyOwnerOf, keyOwnerPattern } from './key-owners.ts';
import type { Keys } from './keys.ts';
import { isAway } from './outage.ts';
import { retentionArg } from './retention.ts';
import type { RunScript } from './scripts.ts';
import { StrayConnections } from './stray-connections.ts';

export interface LeftBehindParts {
  readonly client: RedisClient;
  readonly run: RunScript;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly log: Log;
  readonly deleteConversation: DeleteConversation;
  readonly outbox: EventOutbox;
}

export interface LeftBehindOptions {
  readonly prefix: string;
  readonly retention: Retention;
  /** How long abandoned data is kept; null or left out: for ever. */
  readonly abandonedAfterMs?: number | null;
}

export class LeftBehind {
  readonly #parts: LeftBehindParts & Required<LeftBehindOptions>;
  readonly #node = randomUUID();
  readonly #strays: StrayConnections;
  /** The index of the cluster node that the walk is at, and the SCAN cursor there. */
  #server = 0;
  #cursor = '0';
  #isWalking = false;
  #stop = (): void => undefined;

  constructor(parts: LeftBehindParts, { prefix, retention, abandonedAfterMs = null }: LeftBehindOptions) {
    this.#parts = { ...parts, prefix, retention, abandonedAfterMs };
    this.#strays = new StrayConnections(parts);
  }

  start(): void {
    const { clock, retention, abandonedAfterMs } = this.#parts;
    const isByAge = retention !== null && typeof retention !== 'number';
    if (abandonedAfterMs === null && !isByAge) return;
    this.#stop = clock.every(TIMES.tidyMs, () => void this.#walk());
  }

  close(): void {
    this.#stop();
  }

  /** One part of the walk. A failed part is retried in the next round. */
  async #walk(): Promise<void> {
    if (this.#isWalking) return;
    this.#isWalking = true;
    try {
      if (await this.#isMine()) await this.#tidyAll(await this.#next());
      await this.#strays.end();
    } catch (error) {
      if (!isAway(error)) this.#parts.log.error({ err: error }, 'abandoned data not removed');
    }
    this.#isWalking = false;
  }

  async #isMine(): Promise<boolean> {
    const { run, keys } = this.#parts;
    return (await run('claim-walk', [keys.walker], [this.#node, 3 * TIMES.tidyMs])) === 1;
  }

  /** The conversations and users of the next part. */
  async #next(): Promise<KeyOwner[]> {
    const { client, prefix } = this.#parts;
    const servers = client instanceof Cluster ? client.nodes('master') : [client];
    const server = servers[this.#server % servers.length] ?? client;
    const [next, names] = await attempt(() =>
      server.scan(this.#cursor, 'MATCH', keyOwnerPattern(prefix), 'COUNT', LIMITS.tidiedAtATime),
    );
    this.#cursor = next;
    if (next === '0') this.#server = (this.#server + 1) % servers.length;
    return names.map((name) => keyOwnerOf(prefix, name)).filter((owner) => owner !== null);
  }

  async #tidyAll(owners: readonly KeyOwner[]): Promise<void> {
    for (let at = 0; at < owners.length; at += LIMITS.tidiedAtOnce) {
      await Promise.all(owners.slice(at, at + LIMITS.tidiedAtOnce).map((owner) => this.#tidy(owner)));
    }
  }

  #tidy(owner: KeyOwner): Promise<unknown> {
    return owner.kind === 'conversation' ? this.#tidyConversation(owner) : this.#tidyUser(owner);
  }

  async #tidyConversation({ tenant, key }: Extract<KeyOwner, { kind: 'conversation' }>): Promise<void> {
    const { run, keys, clock, retention, abandonedAfterMs, deleteConversation } = this.#parts;
    const { meta, members, messages, log } = keys.conversationByKey(tenant, key);
    const args = [clock.offset(), retentionArg(retention, clock), abandonedAfterMs ?? ''];
    const found = await run('tidy-conversation', [meta, members, messages, log], args);
    if (found !== null) await deleteConversation(tenant, decodeConversation(found).id, NOBODY);
  }

  async #tidyUser({ tenant, id }: Extract<KeyOwner, { kind: 'user' }>): Promise<void> {
    const { run, keys, clock, abandonedAfterMs } = this.#parts;
    if (abandonedAfterMs === null) return;
    const { presence, quota, list } = keys.user(tenant, id);
    const all = [presence, quota, ...list];
    this.#strays.suspect(tenant, id, (await run('tidy-user', all, [clock.offset(), abandonedAfterMs])) as string[]);
  }
}
