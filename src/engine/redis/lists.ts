/** Updates members' lists in Redis from their conversations, and finds the unfinished work of nodes. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, ConversationKind, ListedConversation, TenantId, UserId } from '../../model.ts';
import { READ } from '../shared/closed.ts';
import { attempt, nonce } from './attempt.ts';
import type { Scripts } from './batches.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { MembershipNotes, Memberships } from './memberships.ts';
import { pairsOf } from './pairs.ts';
import type { RecentChanges } from './recent-changes.ts';
import type { Rooms } from './rooms.ts';

const KINDS: Readonly<Record<string, ConversationKind>> = { D: 'DIRECT', G: 'GROUP', R: 'ROOM' };

/** An entry as it is stored: see `lua/list.lua`. */
export type EntryLine = string;

export const isHidden = (line: EntryLine): boolean => line.split(' ', 5)[4]?.includes('h') === true;

export function decodeEntry(conversationId: ConversationId, line: EntryLine): ListedConversation {
  const [kind = '', activity, sequence, read, flags = '', muted, peer = ''] = line.split(' ');
  return {
    conversationId,
    kind: READ.conversationKind(KINDS[kind]),
    activity: Number(activity),
    lastSequence: Number(sequence),
    readSequence: Number(read),
    isPinned: flags.includes('p'),
    isArchived: flags.includes('a'),
    isMarkedUnread: flags.includes('m'),
    mutedUntil: Number(muted) || null,
    peer: (peer || null) as UserId | null,
  };
}

/** The data of a conversation that a list stores. */
interface Facts {
  readonly kind: string;
  readonly activity: string;
  readonly sequence: string;
  readonly isLarge: string;
  /** The read positions of the requested members. */
  readonly read: ReadonlyMap<UserId, number>;
  readonly unapplied: MembershipNotes;
  readonly name: string | null;
  readonly version: string;
  /** Both members of a direct conversation; empty for any other. */
  readonly pair: readonly string[];
}

/** A noted conversation, which a node is working on. */
export interface Unlisted {
  readonly id: ConversationId;
  readonly note: string;
  readonly notedAt: string;
}

/** A change by the user of an entry: a flag and whether it is set, or `until` and milliseconds. */
export type EntryChange = readonly [what: 'p' | 'a' | 'm' | 'h' | 'until', value: number];

const NO_CHANGE = ['', ''] as const;

/** Lists that are updated together from a conversation. */
const TOGETHER = 12;

function toFacts(answer: readonly unknown[]): Facts | null {
  if (answer.length === 0) return null;
  const [kind, activity, sequence, isLarge, unapplied, name, version, pair, ...values] = answer as [
    string,
    string,
    string,
    string,
    MembershipNotes,
    string,
    string,
    string[],
    ...string[],
  ];
  const read = new Map(pairsOf(values).map(([userId, sequenceRead]) => [userId as UserId, Number(sequenceRead)]));
  const shownName = JSON.parse(name) as string | null;
  return { kind, activity, sequence, isLarge, read, unapplied, name: shownName, version, pair };
}

export interface ListsParts {
  readonly memberships: Memberships;
  readonly rooms: Rooms;
  /** Null on a single server, where conversation and list are lost only together. */
  readonly recent: RecentChanges | null;
  /** Lists of different users may be updated in one script. */
  readonly isOneServer: boolean;
}

export class Lists {
  readonly #client: RedisClient;
  readonly #scripts: Scripts;
  readonly #keys: Keys;
  readonly #clock: Clock;
  readonly #memberships: Memberships;
  readonly #rooms: Rooms;
  readonly #recent: RecentChanges | null;
  readonly #node = nonce();
  readonly #together: number;
  /** Conversations whose notes are about to be removed. */
  readonly #released = new Map<TenantId, Set<ConversationId>>();
  /** The version of each room that this node has put into the list of rooms last. */
  readonly #listedRooms = new LRUCache<string, string>({ max: LIMITS.rememberedKeys });

  constructor(
    client: RedisClient,
    scripts: Scripts,
    keys: Keys,
    clock: Clock,
    { memberships, rooms, recent, isOneServer }: ListsParts,
  ) {
    this.#client = client;
    this.#scripts = scripts;
    this.#keys = keys;
    this.#clock = clock;
    this.#memberships = memberships;
    this.#rooms = rooms;
    this.#recent = recent;
    this.#together = isOneServer ? TOGETHER : 1;
  }

  /** Notes that this node works on a conversation. */
  async note(tenant: TenantId, id: ConversationId): Promise<void> {
    this.#recent?.remember(tenant, id);
    this.#released.get(tenant)?.delete(id);
    await attempt(() =>
      this.#client.zadd(this.#keys.unlisted(tenant), String(this.#clock.now()), `${id} ${this.#node}`),
    );
  }

  /** Removes the note of a conversation, together with others. A note that stays is removed by a reader. */
  removeNote(tenant: TenantId, id: ConversationId): void {
    this.#recent?.remember(tenant, id);
    // After all work of this turn that follows from answers already received.
    if (this.#released.size === 0) void Promise.resolve().then(() => process.nextTick(() => this.#removeNotes()));
    const ids = this.#released.get(tenant);
    if (ids) ids.add(id);
    else this.#released.set(tenant, new Set([id]));
  }

  #removeNotes(): void {
    const released = [...this.#released];
    this.#released.clear();
    for (const [tenant, ids] of released) {
      const notes = Array.from(ids, (id) => `${id} ${this.#node}`);
      if (notes.length > 0) this.#client.zrem(this.#keys.unlisted(tenant), ...notes).catch(() => undefined);
    }
  }

  /** The noted conversations, oldest first; at most `LIMITS.unlistedPerRead`. */
  async readUnlisted(tenant: TenantId): Promise<Unlisted[]> {
    const most = LIMITS.unlistedPerRead;
    const found = await attempt(() =>
      this.#client.zrange(this.#keys.unlisted(tenant), 0, String(most - 1), 'WITHSCORES'),
    );
    return pairsOf(found).map(([note, notedAt]) => ({ id: note.split(' ', 1)[0] as ConversationId, note, notedAt }));
  }

  /** Updates members' lists from a conversation; null: all members, unless it is large. */
  async update(tenant: TenantId, id: ConversationId, userIds: readonly UserId[] | null): Promise<void> {
    const facts = await this.#read(tenant, id, userIds ?? []);
    if (!facts) return;
    this.#memberships.notice(tenant, id, facts.unapplied);
    await Promise.all([this.#keepListed(tenant, id, facts), this.#spread(tenant, id, facts)]);
  }

  /** Updates all lists from a conversation, or removes a deleted one from them. */
  async updateAll(tenant: TenantId, id: ConversationId): Promise<void> {
    const facts = await this.#read(tenant, id, []);
    if (!facts) return this.#rooms.remove(tenant, id);
    if (facts.kind === 'R') await this.#rooms.list(tenant, id, facts);
    await this.#spread(tenant, id, facts);
  }

  /** Finishes the work of another node. */
  async finish(tenant: TenantId, { id, note, notedAt }: Unlisted): Promise<void> {
    await this.#memberships.applyAll(tenant, id);
    await this.updateAll(tenant, id);
    await this.#scripts.run('drop-noted-work', [this.#keys.unlisted(tenant)], [note, notedAt]);
  }

  /** Updates one list from a conversation, then changes the entry; null when the user is not a member. */
  async bring(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: EntryChange | null = null,
  ): Promise<EntryLine | null> {
    const facts = await this.#read(tenant, id, [userId]);
    return facts && this.#bringTo(facts, tenant, userId, id, change);
  }

  /** The same with facts that a script returned: `factsForLists` in `lua/members.lua`. */
  async bringTo(
    answer: readonly unknown[],
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: EntryChange,
  ): Promise<EntryLine | null> {
    const facts = toFacts(answer);
    return facts && this.#bringTo(facts, tenant, userId, id, change);
  }

  #bringTo(
    facts: Facts,
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    change: EntryChange | null,
  ): Promise<EntryLine | null> | null {
    const read = facts.read.get(userId);
    return read === undefined ? null : this.#advance(tenant, userId, id, facts, read, change);
  }

  /** Messages do not change the version of a room, so the list of rooms is right after most changes. */
  async #keepListed(tenant: TenantId, id: ConversationId, facts: Facts): Promise<void> {
    if (facts.kind !== 'R') return;
    const key = JSON.stringify([tenant, id]);
    if (this.#listedRooms.get(key) === facts.version) return;
    await this.#rooms.list(tenant, id, facts);
    this.#listedRooms.set(key, facts.version);
  }

  async #spread(tenant: TenantId, id: ConversationId, facts: Facts): Promise<void> {
    const all = [...facts.read];
    const works: Promise<unknown>[] = [];
    for (let at = 0; at < all.length; at += this.#together) {
      works.push(this.#advanceAll(tenant, id, facts, all.slice(at, at + this.#together)));
    }
    await Promise.all(works);
  }

  async #advanceAll(
    tenant: TenantId,
    id: ConversationId,
    facts: Facts,
    members: readonly (readonly [UserId, number])[],
  ): Promise<void> {
    const keys: string[] = [];
    const args: (string | number)[] = [id, facts.activity, facts.sequence, members.length];
    for (const [userId, read] of members) {
      const { order, entries, unread } = this.#keys.user(tenant, userId);
      keys.push(order, entries, unread);
      args.push(read);
    }
    const missing = (await this.#scripts.runOne('advance-lists', keys, args)) as readonly number[];
    // A list without the entry gets it, unless the user has left.
    await Promise.all(
      missing.flatMap((nth) => {
        const member = members[nth - 1];
        return member ? [this.#advance(tenant, member[0], id, facts, member[1], null)] : [];
      }),
    );
  }

  async #read(tenant: TenantId, id: ConversationId, userIds: readonly UserId[]): Promise<Facts | null> {
    const { meta, members, notes } = this.#keys.conversation(tenant, id);
    const args = [userIds.length, ...userIds];
    return toFacts((await this.#scripts.runOne('read-for-lists', [meta, members, notes], args)) as unknown[]);
  }

  async #advance(
    tenant: TenantId,
    userId: UserId,
    id: ConversationId,
    facts: Facts,
    read: number,
    change: EntryChange | null,
  ): Promise<EntryLine | null> {
    const at = this.#keys.user(tenant, userId);
    const { kind, activity, sequence, isLarge, pair } = facts;
    const peer = pair.find((each) => each !== userId) ?? '';
    const line = await this.#scripts.runOne(
      'index-conversation',
      [...at.list, at.membershipsMark, at.membershipsChannel],
      [id, kind, activity, sequence, read, isLarge, peer, ...(change ?? NO_CHANGE)],
    );
    return line as EntryLine | null;
  }
}
