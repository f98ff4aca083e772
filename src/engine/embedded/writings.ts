/** Streamed messages in SQLite. */
import type { Clock } from '../../clock.ts';
import { lengthOf } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { WritingStore } from '../port.ts';
import { partsOf, writerKey } from '../shared/written-text.ts';
import type { ConversationRow } from './conversation-rows.ts';
import type { Database } from './database.ts';
import type { MessageLog } from './message-log.ts';
import { asJson, payloadOf } from './message-rows.ts';
import { createSilentWriters, firstOf } from './silent-writers.ts';
import { createStopRequests } from './stop-requests.ts';
import { createTextAppends } from './text-appends.ts';

export interface EmbeddedWritings extends WritingStore {
  /** Runs a read after the messages of silent writers were aborted. */
  readonly read: Database['read'];
}

/** The reads of messages being written. */
function createReads(
  log: MessageLog,
  read: EmbeddedWritings['read'],
): Pick<WritingStore, 'readWriting' | 'listWritings'> {
  const { texts } = log;
  return {
    async readWriting(tenant, id, writer) {
      return read(() => {
        const found = log.findMessage(tenant, id);
        const writing = found && texts.find(found.conversation.key, found.message.sequence);
        if (!writing || writing.sender_id !== writerKey(writer)) return null;
        const content = texts.textOf(writing.conversation, writing.sequence);
        return {
          message: { ...log.toMessage(found.conversation, found.message), content, payload: payloadOf(found.message) },
          isHeld: writing.is_held === 1,
          isStopRequested: writing.is_stopped === 1,
        };
      });
    },

    async listWritings(tenant, id, after) {
      return read(() => {
        const row = log.findConversation(tenant, id);
        const rest = row ? texts.allOf(row.key).filter(({ sequence }) => sequence > after) : [];
        const page = firstOf(rest);
        const messages = page.flatMap(({ sequence }) => {
          const message = row && log.messageAt(row, sequence);
          return message ? [log.toMessage(row, message)] : [];
        });
        return { messages, next: page.length < rest.length ? (page.at(-1)?.sequence ?? null) : null };
      });
    },
  };
}

export function createWritings(database: Database, clock: Clock, log: MessageLog): EmbeddedWritings {
  const { texts } = log;
  const writers = createSilentWriters(database, clock, log);
  const { write, read } = writers;
  const { findFor, add } = createTextAppends(database, clock, log);
  const { requestStop, isAsked, announceStop } = createStopRequests(database, clock, log, writers);

  function hasRoom({ key }: ConversationRow, writer: string): boolean {
    // Messages of silent writers that are not aborted yet do not count against the cap.
    const all = texts.allOf(key).filter(({ appended_at }) => appended_at > clock.now() - TIMES.writingMs);
    const own = all.filter(({ sender_id }) => sender_id === writer).length;
    return own < LIMITS.writingsPerSender && all.length < LIMITS.writingsPerConversation;
  }

  return {
    ...createReads(log, read),
    read,
    requestStop,

    async startMessage(tenant, message) {
      const { conversationId, senderId, content, replyToId, key } = message;
      return write((announce) => {
        const now = clock.now();
        const writer = writerKey(message);
        const row = log.findConversation(tenant, conversationId);
        const isNew = !key || !log.earlierOf(tenant, { conversationId, senderId, key }, now);
        if (row && isNew && log.isMember(row, senderId) && !hasRoom(row, writer)) return { outcome: 'full' };
        const target = (replyToId && log.findMessage(tenant, replyToId)?.message.sequence) || 0;
        const isStopped = row !== undefined && isAsked(row, target, now);
        const started = log.append(tenant, message, announce, (conversation, sequence) => {
          texts.insert(
            {
              conversation: conversation.key,
              sequence,
              sender_id: writer,
              length: lengthOf(content),
              appended_at: now,
              free_at: now,
              is_held: message.isHeld ? 1 : 0,
              is_stopped: isStopped ? 1 : 0,
              target,
            },
            partsOf(0, content),
          );
        });
        if (row && started.outcome === 'appended' && isStopped) announceStop(row, started.message.sequence, announce);
        return started;
      });
    },

    async appendText(tenant, id, text) {
      return write((announce) => {
        const written = findFor(tenant, id, text);
        return 'writing' in written ? add(written, text, announce) : written;
      });
    },

    async finishMessage(tenant, id, end) {
      const { state, length, content, payload } = end;
      return write((announce) => {
        const written = findFor(tenant, id, end);
        if (!('writing' in written)) return written;
        const { writing, message } = written;
        if (length !== null && length !== writing.length) return { outcome: 'misplaced', length: writing.length };
        const next = {
          content: content ?? texts.textOf(writing.conversation, writing.sequence),
          payload: payload === undefined ? message.payload : asJson(payload),
          state: state === 'COMPLETE' ? null : state,
        };
        return { outcome: 'finished', message: log.rewrite(written, 'FINISHED', next, announce) };
      });
    },
  };
}
