/** Forwards events from the outbox of their subject to the partitions of their tenant. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { TenantId, Unreached } from '../../model.ts';
import { partitionOf } from '../shared/consumer.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import { decodeHappening } from './codec.ts';
import type { Keys } from './keys.ts';
import { pairsOf } from './pairs.ts';
import type { RunScript } from './scripts.ts';
import type { EventSubject } from './subject-keys.ts';

/** Events forwarded at once, since each may be as long as a message. */
const AT_ONCE = 50;

/** A noted subject, which a node is working on. */
interface Unforwarded {
  readonly name: string;
  readonly note: string;
  readonly notedAt: number;
}

type Entry = readonly [id: string, fields: string[]];

interface Forwarded {
  /** The last event that was forwarded; null: none. */
  readonly last: string | null;
  /** False: the next one is left to a node of a newer version. */
  readonly isWhole: boolean;
}

export class Forwarding {
  readonly #client: RedisClient;
  readonly #run: RunScript;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #node: string;

  constructor(client: RedisClient, run: RunScript, keys: Keys, clock: Clock, node: string) {
    this.#client = client;
    this.#run = run;
    this.#keys = keys;
    this.#clock = clock;
    this.#node = node;
  }

  /** Notes that this node is working on a subject. */
  async note(tenant: TenantId, { name }: EventSubject): Promise<void> {
    const { unforwarded } = this.#keys.consumers(tenant);
    await attempt(() => this.#client.zadd(unforwarded, String(this.#clock.now()), `${name} ${this.#node}`));
  }

  async removeNote(tenant: TenantId, { name }: EventSubject): Promise<void> {
    const { unforwarded } = this.#keys.consumers(tenant);
    await attempt(() => this.#client.zrem(unforwarded, `${name} ${this.#node}`));
  }

  /** Forwards the events of a subject past the last one forwarded by this node. */
  async forward(tenant: TenantId, subject: EventSubject, after: string | null): Promise<Forwarded> {
    let last = after;
    for (;;) {
      const from = last === null ? '-' : `(${last}`;
      const entries = await attempt(() => this.#client.xrange(subject.outbox, from, '+', 'COUNT', AT_ONCE));
      const count = await this.#add(tenant, subject.name, entries);
      const [id] = entries[count - 1] ?? [];
      if (id !== undefined) {
        await this.#run('trim-events', [subject.outbox], [id, TIMES.forwardedMs]);
        last = id;
      }
      if (count < entries.length) return { last, isWhole: false };
      if (entries.length < AT_ONCE) return { last, isWhole: true };
    }
  }

  /** Forwards the events of subjects that were noted more than `olderThanMs` ago and are still noted. */
  async sweep(tenant: TenantId, olderThanMs: number): Promise<void> {
    for (const { name, note, notedAt } of await this.#readUnforwarded(tenant, olderThanMs)) {
      const { isWhole } = await this.forward(tenant, this.#keys.eventSubject(tenant, name), null);
      if (!isWhole || this.#clock.now() - notedAt < TIMES.unforwardedMs) continue;
      await this.#run('drop-noted-work', [this.#keys.consumers(tenant).unforwarded], [note, notedAt]);
    }
  }

  /**
   * Adds events to their partition, up to the first that only a newer version knows: it, and those after it, are left to
   * a node of that version. Returns how many entries were handled.
   */
  async #add(tenant: TenantId, name: string, entries: readonly Entry[]): Promise<number> {
    const events: string[] = [];
    let count = 0;
    let upTo = '0';
    for (const [id, fields] of entries) {
      const happening = decodeHappening(JSON.parse(fields[1] ?? 'null') as unknown);
      const number = id.split('-', 1)[0] ?? '';
      if (happening === 'unknown' && !(await this.#isPast(tenant, name, number))) break;
      count += 1;
      upTo = number;
      if (happening === null || happening === 'unknown') continue;
      events.push(number, happening.type, happening.subject, JSON.stringify(happening.data));
    }
    if (count > 0) await this.#put(tenant, partitionOf(name), name, upTo, events);
    return count;
  }

  /**
   * Whether an event that only a newer version knows was handled by a node of that version, or has waited so long that
   * none seems to be left.
   */
  async #isPast(tenant: TenantId, name: string, number: string): Promise<boolean> {
    if (this.#clock.now() - Number(number) / 1_000 > TIMES.newerEventsMs) return true;
    const { handled } = this.#keys.partition(tenant, partitionOf(name));
    const last = await attempt(() => this.#client.zscore(handled, name));
    return Number(last ?? 0) >= Number(number);
  }

  /** Adds USER_UNREACHED events after those of their conversation. They have no outbox, since no change causes them. */
  async noteUnreached(tenant: TenantId, at: number, users: readonly Unreached[]): Promise<void> {
    const [first] = users;
    if (!first) return;
    const { conversationId, messageId } = first;
    const partition = partitionOf(this.#keys.conversation(tenant, conversationId).events.name);
    const events = users.flatMap((data, index) => [
      String(at * 1_000 + index),
      'USER_UNREACHED',
      conversationId,
      JSON.stringify(data),
    ]);
    await this.#put(tenant, partition, `x.${messageId}`, '0', events);
  }

  /** `upTo`: the number of the last entry, which may be no event; `events`: number, type, subject and data of each. */
  async #put(
    tenant: TenantId,
    partition: number,
    name: string,
    upTo: string,
    events: readonly string[],
  ): Promise<void> {
    const { stream, handled } = this.#keys.partition(tenant, partition);
    // Kept longer than the last event of an outbox, which may be forwarded again.
    const args = [this.#clock.offset(), name, TIMES.eventsMs, 2 * TIMES.forwardedMs, upTo];
    const added = await this.#run('forward-events', [stream, handled], [...args, ...events]);
    if (added !== 0) await attempt(() => this.#client.incr(this.#keys.consumers(tenant).arrivals));
  }

  async #readUnforwarded(tenant: TenantId, olderThanMs: number): Promise<Unforwarded[]> {
    const { unforwarded } = this.#keys.consumers(tenant);
    const most = this.#clock.now() - olderThanMs;
    const found = await attempt(() =>
      this.#client.zrangebyscore(unforwarded, '-inf', most, 'WITHSCORES', 'LIMIT', 0, LIMITS.unforwardedSubjects),
    );
    return pairsOf(found).map(([note, at]) => ({ name: note.split(' ', 1)[0] ?? '', note, notedAt: Number(at) }));
  }
}
