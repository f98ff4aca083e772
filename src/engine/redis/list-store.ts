/** Users' lists of conversations in Redis: reads, and changes by the user. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { Log } from '../../log.ts';
import type { ConversationId, ListedConversation, TenantId, UserId } from '../../model.ts';
import type { ListEntryChange, ListQuery, ListSortKey, ListStore } from '../port.ts';
import { byActivity, countedOf, type Stretch, stretchesOf } from '../shared/conversation-list.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import { decodeEntry, type EntryChange, isHidden, type Lists } from './lists.ts';
import { pairsOf } from './pairs.ts';
import type { DataForm } from './schema.ts';
import type { RunScript } from './scripts.ts';
import type { UserKeys } from './subject-keys.ts';

/** Entries created at once for a list of an older version, which stored none. */
const MADE_AT_ONCE = 500;

/** Entries scanned at once for hidden ones. */
const SCANNED_AT_ONCE = 1_000;

const BUCKET_LETTERS = 4;
const ACTIVITY_DIGITS = 13;
const FROM_ACTIVITY = 10 ** ACTIVITY_DIGITS - 1;

type Range = readonly [first: string, last: string];

function rangesOf({ buckets, after }: Stretch): Range[] {
  return buckets.map((bucket) => {
    const end = `(${bucket}~`;
    if (!after) return [`[${bucket}`, end];
    return [`(${bucket}${String(FROM_ACTIVITY - after.activity).padStart(ACTIVITY_DIGITS, '0')}${after.id}`, end];
  });
}

/** A name in `order`. */
function toPlace(name: string): Pick<ListSortKey, 'activity' | 'id'> {
  const end = BUCKET_LETTERS + ACTIVITY_DIGITS;
  return {
    activity: FROM_ACTIVITY - Number(name.slice(BUCKET_LETTERS, end)),
    id: name.slice(end) as ConversationId,
  };
}

function toChange(change: ListEntryChange): EntryChange {
  if ('isPinned' in change) return ['p', Number(change.isPinned)];
  if ('isArchived' in change) return ['a', Number(change.isArchived)];
  if ('mutedUntil' in change) return ['until', change.mutedUntil ?? 0];
  return 'isHidden' in change ? ['h', 1] : ['m', 1];
}

interface ReadList {
  readonly unread: number;
  readonly total: number;
  readonly ranges: readonly string[][];
}

interface ListParts {
  readonly lists: Lists;
  readonly clock: Clock;
  readonly log: Log;
  readonly isOneServer: boolean;
  readonly form: Readonly<DataForm>;
}

interface ListReading {
  /** The entries of these conversations, where they exist. */
  entriesOf(tenant: TenantId, userId: UserId, ids: readonly ConversationId[]): Promise<ListedConversation[]>;
  /** Reads a list after it was brought up to date with its conversations. */
  read(
    tenant: TenantId,
    userId: UserId,
    ranges: readonly Range[],
    limit: number,
    counted: readonly string[],
  ): Promise<ReadList>;
}

function createReading(client: RedisClient, run: RunScript, keys: Keys, { lists, clock, log }: ListParts): ListReading {
  async function entriesOf(tenant: TenantId, userId: UserId, ids: readonly ConversationId[]) {
    if (ids.length === 0) return [];
    const lines = await attempt(() => client.hmget(keys.user(tenant, userId).entries, ...ids));
    return ids.flatMap((id, index) => (lines[index] ? [decodeEntry(id, lines[index])] : []));
  }

  /** Creates missing entries and drops surplus ones, since older versions stored the memberships only. */
  async function makeEntries(tenant: TenantId, userId: UserId): Promise<void> {
    const { conversations, entries, list } = keys.user(tenant, userId);
    const [memberOf, listed] = await attempt(() =>
      Promise.all([client.smembers(conversations), client.hkeys(entries)]),
    );
    const [isMember, isListed] = [new Set(memberOf), new Set(listed)];
    const missing = memberOf.filter((id) => !isListed.has(id)) as ConversationId[];
    for (let at = 0; at < missing.length; at += MADE_AT_ONCE) {
      await Promise.all(missing.slice(at, at + MADE_AT_ONCE).map((id) => lists.bring(tenant, userId, id)));
    }
    const tooMany = listed.filter((id) => !isMember.has(id));
    await Promise.all(tooMany.map((id) => run('drop-entry', list, [id])));
  }

  /** Finishes the work of dead nodes in the background. */
  function finishOld(tenant: TenantId, unlisted: Awaited<ReturnType<Lists['readUnlisted']>>): void {
    const old = unlisted.filter(({ notedAt }) => Number(notedAt) < clock.now() - TIMES.unlistedMs);
    for (const each of old.slice(0, 16)) {
      lists.finish(tenant, each).catch((error: unknown) => log.debug({ err: error, tenant }, 'lists not updated'));
    }
  }

  async function read(
    tenant: TenantId,
    userId: UserId,
    ranges: readonly Range[],
    limit: number,
    counted: readonly string[],
  ): Promise<ReadList> {
    const { list } = keys.user(tenant, userId);
    const readOnce = (): Promise<unknown> =>
      run('read-list', list, [limit, ranges.length, ...ranges.flat(), ...counted]);
    const [first, unlisted] = await Promise.all([readOnce(), lists.readUnlisted(tenant)]);
    const [, difference, largeIds] = first as [string, number, ConversationId[]];
    finishOld(tenant, unlisted);
    const inHand = [...new Set(unlisted.map(({ id }) => id))];
    const theirs = (await entriesOf(tenant, userId, inHand)).map(({ conversationId }) => conversationId);
    const behind = new Set([...theirs, ...largeIds]);
    if (difference !== 0) await makeEntries(tenant, userId);
    await Promise.all([...behind].map((id) => lists.bring(tenant, userId, id)));
    const answer = difference === 0 && behind.size === 0 ? first : await readOnce();
    const [sum, , , total, ...names] = answer as [string, number, string[], number, ...string[][]];
    return { unread: Number(sum), total, ranges: names };
  }

  return { entriesOf, read };
}

/** The unread messages of a list that is up to date; null: it must be read. */
async function countNow(
  client: RedisClient,
  run: RunScript,
  unlisted: string,
  { unread, entries, waiting, large }: UserKeys,
  isOneServer: boolean,
  finishBefore: number,
): Promise<number | null> {
  const own = [unread, entries, waiting, large];
  if (isOneServer) return toCount(await run('count-unread', [...own, unlisted], [finishBefore]));
  // In this order: a list is updated before the note is dropped.
  if (await attempt(() => client.exists(unlisted))) return null;
  return toCount(await run('count-unread', own, [finishBefore]));
}

const toCount = (answer: unknown): number | null => (answer === null ? null : Number(answer));

export function createLists(client: RedisClient, run: RunScript, keys: Keys, parts: ListParts): ListStore {
  const { lists, clock, isOneServer, form } = parts;
  const { entriesOf, read } = createReading(client, run, keys, parts);

  return {
    async listConversations(tenant, userId, query: ListQuery) {
      const stretches = stretchesOf(query).map(rangesOf);
      const { total, ranges } = await read(tenant, userId, stretches.flat(), query.limit, countedOf(query));
      const ids: ConversationId[] = [];
      let at = 0;
      for (const stretch of stretches) {
        const names = ranges.slice(at, at + stretch.length).flat();
        ids.push(
          ...names
            .map(toPlace)
            .sort(byActivity)
            .map(({ id }) => id),
        );
        at += stretch.length;
      }
      const entries = await entriesOf(tenant, userId, ids.slice(0, query.limit));
      return { entries, totalCount: total };
    },

    async readListed(tenant, userId, ids) {
      const lines = await Promise.all(ids.map((id) => lists.bring(tenant, userId, id)));
      return ids.map((id, index) => {
        const line = lines[index] ?? null;
        return line === null || isHidden(line) ? null : decodeEntry(id, line);
      });
    },

    async listHidden(tenant, userId) {
      const { entries, list } = keys.user(tenant, userId);
      const [all, shown] = (await run('count-listed', list, [])) as [number, number];
      const hidden = new Map<ConversationId, number>();
      // Hidden entries have no index, since most users have none; they are found by a scan.
      for (let cursor: string | null = all > shown ? '0' : null; cursor !== null; ) {
        const from: string = cursor;
        const [next, part] = await attempt(() => client.hscan(entries, from, 'COUNT', SCANNED_AT_ONCE));
        for (const [id, line] of pairsOf(part) as [ConversationId, string][]) {
          if (isHidden(line)) hidden.set(id, decodeEntry(id, line).lastSequence);
        }
        cursor = next === '0' ? null : next;
      }
      return hidden;
    },

    async countUnread(tenant, userId) {
      const at = keys.user(tenant, userId);
      // Data of an older release may have lists without entries.
      const finishBefore = clock.now() - TIMES.unlistedMs;
      const count = form.isCompact
        ? await countNow(client, run, keys.unlisted(tenant), at, isOneServer, finishBefore)
        : null;
      return count ?? (await read(tenant, userId, [], LIMITS.pageSize, [])).unread;
    },

    async changeListed(tenant, userId, id, change) {
      const line = await lists.bring(tenant, userId, id, toChange(change));
      return line === null ? null : decodeEntry(id, line);
    },
  };
}
