/** Reads of messages: by id, and in pages of their conversation. */
import { partOf, type SeenConversation, type SeenMessage, seeMessages } from '../access/seen.ts';
import type { Engine, KeptMessages, MessageRange } from '../engine/port.ts';
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { MessageId, MessageRecord, TenantId, Viewer } from '../model.ts';
import { decodeCursor } from './cursor.ts';
import { identifier, optional, pageSize } from './input.ts';

/** Arguments of a Relay connection. */
export interface PageRequest {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
}

export interface PageEnds {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
}

export interface MessagePage extends PageEnds {
  readonly messages: readonly SeenMessage[];
}

export interface MessageReads {
  /** In the given order; null if absent or forbidden. */
  findMany(viewer: Viewer, ids: readonly string[]): Promise<(SeenMessage | null)[]>;
  /** Without an access check: for parts of a seen object. */
  readMany(tenant: TenantId, ids: readonly MessageId[]): Promise<(MessageRecord | null)[]>;
  page(tenant: TenantId, conversation: SeenConversation, request: PageRequest): Promise<MessagePage>;
  last(tenant: TenantId, conversation: SeenConversation): Promise<SeenMessage | null>;
}

/** The requested range of sequences. */
function rangeOf({ first, last, after, before }: PageRequest): MessageRange {
  if (typeof first === 'number' && typeof last === 'number')
    throw badInput('first, last: only one of them can be given.');
  const between = {
    after: optional(after, (cursor) => decodeCursor('message', cursor, 'after')) ?? 0,
    before: optional(before, (cursor) => decodeCursor('message', cursor, 'before')),
  };
  if (typeof first === 'number') return { ...between, limit: pageSize(first, 'first'), from: 'first' };
  return { ...between, limit: pageSize(last ?? LIMITS.defaultPageSize, 'last'), from: 'last' };
}

/**
 * Whether stored messages exist before and after the found ones.
 *
 * In the paging direction only the requested range counts, so that paging ends, even if no message lies between two
 * cursors.
 */
function endsOf({ after, before, from }: MessageRange, kept: KeptMessages): PageEnds {
  const { messages, firstSequence, lastSequence } = kept;
  const lowest = Math.max(after + 1, firstSequence);
  const highest = Math.min((before ?? Number.POSITIVE_INFINITY) - 1, lastSequence);
  const start = messages[0]?.sequence ?? (from === 'first' ? lowest : highest + 1);
  const end = messages.at(-1)?.sequence ?? (from === 'first' ? lowest - 1 : highest);
  if (from === 'first') return { hasPreviousPage: start > firstSequence, hasNextPage: end < highest };
  return { hasPreviousPage: start > lowest, hasNextPage: end < lastSequence };
}

function partsOf(conversation: SeenConversation, { messages }: KeptMessages): SeenMessage[] {
  return messages.flatMap((message) => partOf(conversation, message) ?? []);
}

export function createMessageReads(engine: Engine): MessageReads {
  return {
    async findMany(viewer, ids) {
      return seeMessages(
        engine,
        viewer,
        ids.map((id) => identifier<MessageId>(id, 'id')),
      );
    },

    readMany: (tenant, ids) => engine.readMessages(tenant, ids),

    async page(tenant, conversation, request) {
      const range = rangeOf(request);
      const kept = await engine.listMessages(tenant, conversation.id, range);
      return { messages: partsOf(conversation, kept), ...endsOf(range, kept) };
    },

    async last(tenant, conversation) {
      const range = { after: 0, before: null, limit: 1, from: 'last' } as const;
      const kept = await engine.listMessages(tenant, conversation.id, range);
      return partsOf(conversation, kept)[0] ?? null;
    },
  };
}
