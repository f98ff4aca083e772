/**
 * Reconciles conversations and lists when a server of a cluster has lost its last writes.
 *
 * A conversation and the lists of its members are on different servers. A replica that takes over without the last writes
 * loses changes that the other server has: a list names a conversation without its user as a member, or lacks
 * a conversation of its user, and unread counts differ. Neither side can detect it alone. So each node remembers
 * its recent changes; once a server is in another history, the conversations among them note their members
 * again, under versions above all earlier notes, and the notes are applied as after any change.
 */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { RedisClient } from './client.ts';
import { historiesOf } from './histories.ts';
import type { Keys } from './keys.ts';
import type { Lists } from './lists.ts';
import type { Memberships } from './memberships.ts';
import { isAway } from './outage.ts';
import type { RecentChange, RecentChanges } from './recent-changes.ts';
import type { RunScript } from './scripts.ts';

/** Conversations reconciled at once. */
const BATCH = 16;

interface Failure {
  readonly change: RecentChange;
  readonly error: unknown;
}

interface Parts {
  readonly recent: RecentChanges;
  readonly memberships: Memberships;
  readonly lists: Lists;
  readonly clock: Clock;
  readonly log: Log;
}

export class Reconciliation {
  readonly #client: RedisClient;
  readonly #run: RunScript;
  readonly #keys: Keys;
  readonly #parts: Parts;
  /** The server histories when both sides last agreed. */
  #histories = '';
  /** Conversations that failed because of their own keys. They are retried, oldest first. */
  readonly #failed = new Map<string, RecentChange>();
  #isRunning = false;
  #stop = (): void => undefined;

  constructor(client: RedisClient, run: RunScript, keys: Keys, parts: Parts) {
    this.#client = client;
    this.#run = run;
    this.#keys = keys;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    this.#histories = await historiesOf(this.#client);
    this.#stop = this.#parts.clock.every(TIMES.nodeRenewMs, () => void this.#look());
  }

  close(): void {
    this.#stop();
  }

  async #look(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      const histories = await historiesOf(this.#client);
      if (histories === this.#histories) await this.#tryAgain();
      else await this.#compareAll();
      this.#histories = histories;
      this.#parts.recent.areTogether();
    } catch (error) {
      // The histories are not stored yet, so the next run tries again.
      this.#parts.log.debug({ err: error }, 'lists not compared with conversations');
    } finally {
      this.#isRunning = false;
    }
  }

  async #compareAll(): Promise<void> {
    const { recent, log } = this.#parts;
    const changes = recent.all();
    const failures: Failure[] = [];
    for (let at = 0; at < changes.length; at += BATCH) {
      failures.push(...(await this.#compare(changes.slice(at, at + BATCH))));
    }
    log.info(
      { conversations: changes.length },
      'redis server restarted or failed over: lists compared with conversations',
    );
    const [first] = failures;
    if (!first) return;
    const { error, change } = first;
    const one = { err: error, tenant: change.tenant, conversation: change.id, conversations: failures.length };
    log.error(one, 'some conversations could not be reconciled with their lists');
  }

  /** Retries failed conversations while that makes progress. They were logged already. */
  async #tryAgain(): Promise<void> {
    for (;;) {
      const changes = [...this.#failed.values()].slice(0, BATCH);
      if (changes.length === 0 || (await this.#compare(changes)).length > 0) return;
    }
  }

  /** A conversation with damaged keys does not affect the others. Rejects when a server is away. */
  async #compare(changes: readonly RecentChange[]): Promise<Failure[]> {
    const failures: Failure[] = [];
    await Promise.all(
      changes.map(async (change) => {
        const key = JSON.stringify([change.tenant, change.id]);
        try {
          await this.#reconcile(change);
          this.#failed.delete(key);
        } catch (error) {
          if (isAway(error)) throw error;
          failures.push({ change, error });
          this.#keep(key, change);
        }
      }),
    );
    return failures;
  }

  #keep(key: string, change: RecentChange): void {
    this.#failed.delete(key);
    this.#failed.set(key, change);
    if (this.#failed.size <= LIMITS.rememberedChanges) return;
    const [first = ''] = this.#failed.keys();
    this.#failed.delete(first);
  }

  async #reconcile({ tenant, id, users, version }: RecentChange): Promise<void> {
    const { meta, members, notes } = this.#keys.conversation(tenant, id);
    const { memberships, lists } = this.#parts;
    const args = [LIMITS.listedMembers, version, ...users];
    await memberships.apply(
      tenant,
      id,
      (await this.#run('renote-memberships', [meta, members, notes], args)) as string[],
    );
    // Includes changes made after the note.
    await lists.updateAll(tenant, id);
  }
}
