/** Reads messages being written from Redis. Every read aborts those whose writers are silent. */
import type { Clock } from '../../clock.ts';
import { LIMITS, TIMES } from '../../limits.ts';
import type { MessageId, MessageRecord, Retention, TenantId } from '../../model.ts';
import { nonce } from './attempt.ts';
import { decodeMessage } from './codec.ts';
import type { EventOutbox } from './event-outbox.ts';
import type { Keys } from './keys.ts';
import { retentionArg } from './retention.ts';
import type { ConversationKeys } from './subject-keys.ts';

/** A script's answer about one message: its lines, whether its text is held, whether it is asked to stop. */
type Read = readonly [value: string, isHeld: string, isStopRequested: string] | null;

export interface WritingReads {
  /**
   * Reads messages of these sequences, or all past one, as many as fit into a read; `last`: the last sequence read,
   * unless all were. With a writer: that writer's messages, including held text; with '': as callers see them.
   */
  readSome(
    tenant: TenantId,
    at: ConversationKeys,
    writer: string,
    which: readonly number[] | { readonly after: number },
  ): Promise<{ readonly last: number | null; readonly read: Read[] }>;
  /** The same messages, with the current text of those being written. */
  fill<Message extends MessageRecord | null>(tenant: TenantId, messages: readonly Message[]): Promise<Message[]>;
}

export interface WritingReadOptions {
  readonly clock: Clock;
  readonly retention: Retention;
  readonly outbox: EventOutbox;
}

export function createWritingReads(keys: Keys, { clock, retention, outbox }: WritingReadOptions): WritingReads {
  const kept = (): string => retentionArg(retention, clock);
  const PER_PART = LIMITS.writtenPartCharacters;

  async function readSome(
    tenant: TenantId,
    at: ConversationKeys,
    writer: string,
    which: readonly number[] | { readonly after: number },
  ): Promise<{ readonly last: number | null; readonly read: Read[] }> {
    const named = 'after' in which ? [which.after] : ['', ...which];
    const args = [clock.offset(), TIMES.writingMs, kept(), nonce(), PER_PART, writer];
    const { meta, messages, log, channel, streams, texts } = at;
    // The script may abort messages of silent writers.
    const answer = await outbox.run(
      tenant,
      at.events,
      'read-streams',
      [meta, messages, log, channel, streams, texts],
      [...args, LIMITS.readingBytes, ...named],
    );
    const [last, ...read] = answer as [string, ...Read[]];
    return { last: last === '' ? null : Number(last), read };
  }

  async function fill<Message extends MessageRecord | null>(
    tenant: TenantId,
    all: readonly Message[],
  ): Promise<Message[]> {
    const written = all.flatMap((message) => (message?.state === 'STREAMING' ? [message] : []));
    if (written.length === 0) return [...all];
    const shown = new Map<MessageId, MessageRecord>();
    const conversations = Map.groupBy(written, ({ conversationId }) => conversationId);
    await Promise.all(
      [...conversations].map(async ([id, messages]) => {
        const at = keys.conversation(tenant, id);
        let sequences = [...new Set(messages.map(({ sequence }) => sequence))];
        while (sequences.length > 0) {
          const { last, read } = await readSome(tenant, at, '', sequences);
          for (const each of read) {
            const message = each && decodeMessage(each[0]);
            if (message) shown.set(message.id, message);
          }
          sequences = last === null ? [] : sequences.slice(sequences.indexOf(last) + 1);
        }
      }),
    );
    return all.map((message) => ((message && shown.get(message.id)) ?? message) as Message);
  }

  return { readSome, fill };
}
