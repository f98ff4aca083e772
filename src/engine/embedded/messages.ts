/** Messages in SQLite: sent, changed and read. */
import type { Clock } from '../../clock.ts';
import type { MessageChange, MessageId, TenantId } from '../../model.ts';
import type { MessageEdit, MessageStore } from '../port.ts';
import type { Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { createMessageReads } from './message-reads.ts';
import { asJson, type MessageRow } from './message-rows.ts';
import { withoutReaction, withReaction } from './reactions.ts';

/** `read` runs a read after it has aborted the messages of silent writers. */
export function createMessages(
  database: Database,
  clock: Clock,
  log: MessageLog,
  read: Database['read'],
): MessageStore {
  /** Rewrites a message at the next place. `rewrite` returns the new fields, or the reason why nothing changes. */
  function changeMessage(
    tenant: TenantId,
    id: MessageId,
    change: MessageChange,
    rewrite: (row: MessageRow) => Partial<MessageRow> | 'unchanged' | 'deleted' | 'full' | 'being-written',
  ): Promise<MessageEdit> {
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
    ...createMessageReads(database, log, read),

    async appendMessage(tenant, message) {
      return database.write((announce) => log.append(tenant, message, announce));
    },

    async findSent(tenant, sent) {
      return read(() => log.earlierOf(tenant, sent, clock.now()));
    },

    async noteDiverted(tenant, sent, diversion) {
      await database.write(() => {
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
      return changeMessage(tenant, id, 'REACTED', (row) => withReaction(row, userId, emoji));
    },

    async removeReaction(tenant, id, userId, emoji) {
      return changeMessage(tenant, id, 'REACTED', (row) => withoutReaction(row, userId, emoji));
    },
  };
}
