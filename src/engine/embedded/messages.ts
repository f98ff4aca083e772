/** Messages in SQLite, as they are sent, changed and read. */
import type { Clock } from '../../clock.ts';
import { LIMITS } from '../../limits.ts';
import type { MessageChange, MessageId, MessageRecord, ReactionRecord, TenantId } from '../../model.ts';
import type { MessageEdit, MessageStore } from '../port.ts';
import { judgePosition, type Lineage } from '../shared/lineage.ts';
import type { Database } from './database.ts';
import { asJson, type MessageLog, type MessageRow, positionOf } from './message-log.ts';
import { upToWeight } from './reading.ts';

interface EntryRow {
  readonly place: number;
  readonly epoch: string;
  readonly change: string;
  readonly sequence: number;
}

const charactersOf = ({ payload }: MessageRow, { content }: MessageRecord): number =>
  content.length + (payload?.length ?? 0);

/** `read` runs a reading once it has looked for what is to be noticed first. */
export function createMessages(
  database: Database,
  clock: Clock,
  log: MessageLog,
  read: <Result>(work: () => Result) => Result,
): MessageStore {
  const selectRange = database.prepare(
    'SELECT * FROM messages WHERE conversation = ? AND sequence BETWEEN ? AND ? ORDER BY sequence',
  );
  const selectRangeBack = database.prepare(
    'SELECT * FROM messages WHERE conversation = ? AND sequence BETWEEN ? AND ? ORDER BY sequence DESC',
  );
  const selectFirst = database.prepare('SELECT min(sequence) AS first FROM messages WHERE conversation = ?');
  const selectEntries = database.prepare(
    'SELECT * FROM log WHERE conversation = ? AND place > ? ORDER BY place LIMIT ?',
  );

  /** Rewrites a message at the next place; `rewrite` answers what becomes of it, or why nothing does. */
  function changeMessage(
    tenant: TenantId,
    id: MessageId,
    change: MessageChange,
    rewrite: (row: MessageRow) => Partial<MessageRow> | 'unchanged' | 'deleted' | 'full' | 'being-written',
  ): MessageEdit {
    return database.write((announce) => {
      const found = log.findMessage(tenant, id);
      if (!found) return { outcome: 'not-found' };
      const { conversation, message } = found;
      const next = rewrite(message);
      if (next === 'unchanged') return { outcome: 'unchanged', message: log.toMessage(conversation, message) };
      if (typeof next === 'string') return { outcome: next };
      return { outcome: 'changed', message: log.rewrite(found, change, next, announce) };
    });
  }

  return {
    async appendMessage(tenant, message) {
      return database.write((announce) => log.append(tenant, message, announce));
    },

    async findSent(tenant, sent) {
      return read(() => log.earlierOf(tenant, sent, clock.now()));
    },

    async noteDiverted(tenant, sent, diversion) {
      database.write(() => {
        const now = clock.now();
        if (!log.earlierOf(tenant, sent, now)) log.sentKeys.keep(tenant, sent, diversion, now);
      });
    },

    async editMessage(tenant, id, content, payload) {
      return changeMessage(tenant, id, 'EDITED', (row) => {
        if (row.deleted_at !== null) return 'deleted';
        if (row.state === 'STREAMING') return 'being-written';
        return { content, payload: asJson(payload), edited_at: clock.now() };
      });
    },

    async deleteMessage(tenant, id, by) {
      return changeMessage(tenant, id, 'DELETED', (row) =>
        row.deleted_at === null
          ? {
              content: '',
              payload: null,
              reactions: '[]',
              deleted_at: clock.now(),
              deleted_by: by,
              state: row.state === 'STREAMING' ? 'ABORTED' : row.state,
            }
          : 'unchanged',
      );
    },

    async addReaction(tenant, id, userId, emoji) {
      return changeMessage(tenant, id, 'REACTED', (row) => {
        if (row.deleted_at !== null) return 'deleted';
        const reactions = JSON.parse(row.reactions) as ReactionRecord[];
        const same = reactions.find((each) => each.emoji === emoji);
        if (same?.userIds.includes(userId)) return 'unchanged';
        const total = reactions.reduce((sum, { userIds }) => sum + userIds.length, 0);
        const own = reactions.filter(({ userIds }) => userIds.includes(userId)).length;
        if (own >= LIMITS.emojisPerUserAndMessage || total >= LIMITS.reactionsPerMessage) return 'full';
        if (!same && reactions.length >= LIMITS.emojisPerMessage) return 'full';
        const next = same
          ? reactions.map((each) => (each === same ? { emoji, userIds: [...each.userIds, userId] } : each))
          : [...reactions, { emoji, userIds: [userId] }];
        return { reactions: JSON.stringify(next) };
      });
    },

    async removeReaction(tenant, id, userId, emoji) {
      return changeMessage(tenant, id, 'REACTED', (row) => {
        const reactions = JSON.parse(row.reactions) as ReactionRecord[];
        const same = reactions.find((each) => each.emoji === emoji);
        if (!same?.userIds.includes(userId)) return 'unchanged';
        const next = reactions
          .map((each) => (each === same ? { emoji, userIds: each.userIds.filter((one) => one !== userId) } : each))
          .filter(({ userIds }) => userIds.length > 0);
        return { reactions: JSON.stringify(next) };
      });
    },

    async readMessages(tenant, ids) {
      return read(() =>
        ids.map((id) => {
          const found = log.findMessage(tenant, id);
          return found && log.toMessage(found.conversation, found.message);
        }),
      );
    },

    async listMessages(tenant, id, { after, before, limit, from }) {
      return read(() => {
        const row = log.currentConversation(tenant, id);
        if (!row) return { messages: [], firstSequence: 1, lastSequence: 0, isPart: false };
        const lastSequence = row.last_sequence;
        const { first } = selectFirst.get(row.key) as { first: number | null };
        const firstSequence = first ?? lastSequence + 1;
        const lowest = Math.max(after + 1, firstSequence);
        const highest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, lastSequence);
        const [start, end] =
          from === 'first'
            ? [lowest, Math.min(highest, lowest + limit - 1)]
            : [Math.max(lowest, highest - limit + 1), highest];
        const isForward = from === 'first';
        const rows = (isForward ? selectRange : selectRangeBack).iterate(row.key, start, end);
        const { taken, isPart } = upToWeight(rows as Iterable<MessageRow>, (each) => {
          const message = log.toMessage(row, each);
          return { result: message, characters: charactersOf(each, message) };
        });
        return { messages: isForward ? taken : taken.reverse(), firstSequence, lastSequence, isPart };
      });
    },

    async readLog(tenant, id, after, limit) {
      return read(() => {
        const row = log.currentConversation(tenant, id);
        if (!row) return { outcome: 'not-found' };
        const lineage = JSON.parse(row.lineage) as Lineage;
        const reason = judgePosition(after, { lineage, head: row.place, floor: row.floor });
        if (reason) return { outcome: 'expired', reason };
        const rows = selectEntries.all(row.key, after.place, limit) as unknown as EntryRow[];
        const { taken: entries } = upToWeight(rows, (entry) => {
          const found = log.messageAt(row, entry.sequence);
          const message = found ? log.toMessage(row, found, positionOf(entry)) : null;
          const isLast = found?.place === entry.place;
          const result = { ...positionOf(entry), change: entry.change as MessageChange, message, isLast };
          return { result, characters: message && found ? charactersOf(found, message) : 0 };
        });
        const isWhole = (entries.at(-1)?.place ?? row.place) >= row.place;
        return { outcome: 'read', entries, isWhole, head: positionOf(row) };
      });
    },
  };
}
