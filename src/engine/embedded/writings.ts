/** Messages that are read while they are written, in SQLite. */
import type { Clock } from '../../clock.ts';
import { lengthOf, unitsPast } from '../../code-points.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import {
  type ConversationId,
  type MessageId,
  type MessageRecord,
  type TenantId,
  type TextExtension,
  WITHHELD,
} from '../../model.ts';
import type { NewText, TextAppend, Writer, WritingStore } from '../port.ts';
import { paceAfter, partsOf, writerKey } from '../shared/written-text.ts';
import type { ConversationRow } from './conversations.ts';
import type { Announce, Database } from './database.ts';
import { asJson, type Found, type MessageLog, payloadOf } from './message-log.ts';
import { upToWeight } from './reading.ts';
import type { WritingRow } from './written-texts.ts';

/** A message that is being written, for its writer. */
interface Written extends Found {
  readonly writing: WritingRow;
}

type NotTheirs =
  | { readonly outcome: 'not-found' | 'not-sender' | 'not-member' }
  | { readonly outcome: 'ended'; readonly message: MessageRecord };

/** The first of these that are read or changed in one turn; at least one. */
const firstOf = (rows: readonly WritingRow[]): readonly WritingRow[] =>
  upToWeight(rows, (row) => ({ result: row, characters: row.length + LIMITS.payloadBytes })).taken;

export interface EmbeddedWritings extends WritingStore {
  /** Runs a reading once the messages whose writers are silent are aborted. */
  read<Result>(work: () => Result): Result;
}

export function createWritings(database: Database, clock: Clock, log: MessageLog): EmbeddedWritings {
  const { texts } = log;
  const wish = database.prepare('INSERT OR REPLACE INTO stops VALUES (?, ?, ?)');
  const selectWish = database.prepare('SELECT 1 FROM stops WHERE conversation = ? AND sequence = ? AND until > ?');
  const dropWishes = database.prepare('DELETE FROM stops WHERE until <= ?');
  const setPayload = database.prepare('UPDATE messages SET payload = ? WHERE conversation = ? AND sequence = ?');

  function abort({ conversation: key, sequence, is_held }: WritingRow, announce: Announce): void {
    const conversation = log.conversationOf(key);
    const message = conversation && log.messageAt(conversation, sequence);
    if (!message) return texts.drop(key, sequence);
    // Held text was not routed, and is not shown without a finish.
    const rest = is_held === 1 ? { content: '', payload: null } : { content: texts.textOf(key, sequence) };
    log.rewrite({ conversation, message }, 'FINISHED', { ...rest, state: 'ABORTED' }, announce);
  }

  /** Some of them: the rest is found by the next. */
  function abortSilent(): void {
    const silent = firstOf(texts.silentSince(clock.now() - TIMES.writingMs));
    if (silent.length === 0) return;
    database.write((announce) => {
      for (const row of silent) abort(row, announce);
    });
  }

  /** Looks first for writers who are silent, as every reading does. */
  function write<Result>(work: (announce: Announce) => Result): Result {
    database.read(abortSilent);
    return database.write(work);
  }

  function read<Result>(work: () => Result): Result {
    return database.read(() => {
      abortSilent();
      return work();
    });
  }

  function findFor(tenant: TenantId, id: MessageId, writer: Writer): Written | NotTheirs {
    const found = log.findMessage(tenant, id);
    if (!found) return { outcome: 'not-found' };
    const writing = texts.find(found.conversation.key, found.message.sequence);
    if (!writing) return { outcome: 'ended', message: log.toMessage(found.conversation, found.message) };
    if (writing.sender_id !== writerKey(writer)) return { outcome: 'not-sender' };
    if (!log.isMember(found.conversation, writer.senderId)) return { outcome: 'not-member' };
    return { ...found, writing };
  }

  /** Whether a text is in one that is stored, at an offset. */
  function isThere({ conversation, sequence, length }: WritingRow, { offset, text }: NewText): boolean {
    if (offset + lengthOf(text) > length) return false;
    return partsOf(offset, text).every(({ index, text: part }, nth) => {
      const stored = texts.part(conversation, sequence, index);
      const from = nth === 0 ? unitsPast(stored, 0, offset % LIMITS.writtenPartCharacters) : 0;
      return stored.startsWith(part, from);
    });
  }

  function add(written: Written, next: NewText, announce: Announce): TextAppend {
    const { conversation, message, writing } = written;
    const { offset, text, payload } = next;
    const isStopRequested = writing.is_stopped === 1;
    if (offset !== writing.length) {
      const isRepeated = isThere(writing, next);
      return isRepeated
        ? { outcome: 'repeated', length: writing.length, isStopRequested }
        : { outcome: 'misplaced', length: writing.length };
    }
    const now = clock.now();
    const freeAt = next.paceMs === 0 ? writing.free_at : paceAfter(writing.free_at, now, next.paceMs);
    if (freeAt === null) return { outcome: 'too-often', retryAfterMs: next.paceMs };
    const length = offset + lengthOf(text);
    if (length > LIMITS.writtenCharacters) return { outcome: 'too-long', length: writing.length };
    const wasHeld = writing.is_held === 1;
    const is_held = wasHeld || next.isHeld === true ? 1 : 0;
    texts.update({ ...writing, length, appended_at: now, free_at: freeAt, is_held }, partsOf(offset, text));
    if (payload !== undefined) setPayload.run(asJson(payload), conversation.key, message.sequence);
    const isNews = text !== '' || payload !== undefined;
    const messageId = message.id as MessageId;
    const more = { offset, text, length, ...(payload === undefined ? {} : { payload }) };
    if (is_held === 0 && isNews) extended(conversation, { messageId, ...more }, announce);
    if (is_held === 1 && !wasHeld) extended(conversation, { messageId, ...WITHHELD }, announce);
    return { outcome: 'appended', length, isStopRequested };
  }

  function extended({ tenant, id }: ConversationRow, extension: TextExtension, announce: Announce): void {
    const about = { kind: 'conversation', tenant: tenant as TenantId, id: id as ConversationId } as const;
    announce(about, { type: 'extension', extension });
  }

  function hasRoom({ key }: ConversationRow, writer: string): boolean {
    // Messages of silent writers that are not aborted yet do not count against the cap.
    const all = texts.allOf(key).filter(({ appended_at }) => appended_at > clock.now() - TIMES.writingMs);
    const own = all.filter(({ sender_id }) => sender_id === writer).length;
    return own < LIMITS.writingsPerSender && all.length < LIMITS.writingsPerConversation;
  }

  function announceStop(conversation: ConversationRow, sequence: number, announce: Announce): void {
    const row = log.messageAt(conversation, sequence);
    if (!row) return;
    const message = log.toMessage(conversation, row);
    const tenant = conversation.tenant as TenantId;
    announce({ kind: 'conversation', tenant, id: message.conversationId }, { type: 'stop', message });
  }

  return {
    read,

    async startMessage(tenant, message) {
      const { conversationId, senderId, content, replyToId, key } = message;
      return write((announce) => {
        const now = clock.now();
        const writer = writerKey(message);
        const row = log.findConversation(tenant, conversationId);
        const isNew = !key || !log.earlierOf(tenant, { conversationId, senderId, key }, now);
        if (row && isNew && log.isMember(row, senderId) && !hasRoom(row, writer)) return { outcome: 'full' };
        const target = (replyToId && log.findMessage(tenant, replyToId)?.message.sequence) || 0;
        const isStopped = row !== undefined && selectWish.get(row.key, target, now) !== undefined;
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

    async requestStop(tenant, id) {
      return write((announce) => {
        const now = clock.now();
        const found = log.findMessage(tenant, id);
        if (!found) return null;
        const { conversation } = found;
        const { sequence } = found.message;
        const all = texts.allOf(conversation.key);
        const asked = all.filter((row) => row.sequence === sequence || row.target === sequence);
        const unasked = asked.filter(({ is_stopped }) => is_stopped === 0);
        for (const row of unasked) texts.update({ ...row, is_stopped: 1 }, []);
        // Of more than may be announced at once the writers learn with their next append.
        for (const row of firstOf(unasked)) announceStop(conversation, row.sequence, announce);
        dropWishes.run(now);
        if (!asked.some((row) => row.sequence === sequence)) wish.run(conversation.key, sequence, now + TIMES.stopMs);
        return asked.length;
      });
    },

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
