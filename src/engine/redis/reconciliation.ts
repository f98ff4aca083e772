/**
 * Brings conversations and lists together again when a server of a cluster has lost its end.
 *
 * A conversation and the lists of its members lie on different servers. A replica that takes over without the last writes
 * takes back what only one of them knows: a list names a conversation that knows nothing of its user, or lacks
 * one whose member the user is, and what is unread differs. Neither side can tell by itself. So each node remembers
 * what it changed lately; once a server has begun another life, the conversations among it note anew who their members
 * are, under versions above all that was noted before, and the notes are carried out as after any change.
 */
import type { Clock } from '../../clock.ts';
import { isOutage } from '../../errors.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { Lists } from './lists.ts';
import { livesOf } from './lives.ts';
import type { Memberships } from './memberships.ts';
import type { RecentChange, RecentChanges } from './recent-changes.ts';
import type { RunScript } from './scripts.ts';

/** Conversations that are seen to at once. */
const BATCH = 16;

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
  /** Of the servers, when both sides were together last. */
  #lives = '';
  #isRunning = false;
  #stop = (): void => undefined;

  constructor(client: RedisClient, run: RunScript, keys: Keys, parts: Parts) {
    this.#client = client;
    this.#run = run;
    this.#keys = keys;
    this.#parts = parts;
  }

  async start(): Promise<void> {
    this.#lives = await livesOf(this.#client);
    this.#stop = this.#parts.clock.every(TIMES.nodeRenewMs, () => void this.#look());
  }

  close(): void {
    this.#stop();
  }

  async #look(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    const { recent, log } = this.#parts;
    try {
      const lives = await livesOf(this.#client);
      if (lives === this.#lives) return recent.areTogether();
      const changes = recent.all();
      for (let at = 0; at < changes.length; at += BATCH) {
        await Promise.all(changes.slice(at, at + BATCH).map((change) => this.#reconcile(change)));
      }
      this.#lives = lives;
      recent.areTogether();
      log.info({ conversations: changes.length }, 'a server began another life: lists compared with conversations');
    } catch (error) {
      // It is looked at again; the lives are not noted yet.
      if (!isOutage(error)) log.error({ err: error }, 'lists not compared with conversations');
    } finally {
      this.#isRunning = false;
    }
  }

  async #reconcile({ tenant, id, users, version }: RecentChange): Promise<void> {
    const { meta, members, outbox } = this.#keys.conversation(tenant, id);
    const { memberships, lists } = this.#parts;
    const args = [LIMITS.listedMembers, version, ...users];
    await memberships.settle(
      tenant,
      id,
      (await this.#run('renote-memberships', [meta, members, outbox], args)) as string[],
    );
    // What happened after it was noted.
    await lists.tellAll(tenant, id);
  }
}
