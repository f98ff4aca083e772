/** The rules of messages that are read while they are written: who starts, writes, finishes and stops them. */
import { viaOf } from '../access/acting.ts';
import { ownMessage, requireSeen, type SeenMessage, type ShownMessage, seeMessages, shownTo } from '../access/seen.ts';
import { lengthOf } from '../code-points.ts';
import type { Engine, NewWriting, Writer, Writing, WritingFinish } from '../engine/port.ts';
import { badInput, notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConversationId, MessageId, MessageState, Meter, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import type { Blocks } from './blocks.ts';
import { isDirect } from './direct-id.ts';
import type { IsHeldNow } from './holding.ts';
import { identifier, isTooLongToWrite, natural, optional, payload, tooLongToWrite, writtenText } from './input.ts';
import { messageKey } from './message-key.ts';
import type { MessageInput, SettleSent } from './messages.ts';
import type { Routed } from './routed.ts';
import type { Said } from './rule-run.ts';

export interface MessageProgress {
  readonly id: MessageId;
  /** Of the text so far, in code points. */
  readonly length: number;
  readonly stopRequested: boolean;
}

export interface AppendInput {
  readonly id: string;
  readonly offset: number;
  readonly text: string;
  readonly payload?: unknown;
}

export interface FinishInput {
  readonly id: string;
  readonly state?: MessageState | null | undefined;
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
}

export interface Writings {
  start(viewer: Viewer, input: MessageInput): Promise<ShownMessage>;
  /** One that is long, or refused, counts as a message, too. @throws {ServiceError} RATE_LIMITED. */
  append(viewer: Viewer, input: AppendInput, meter: Meter): Promise<MessageProgress>;
  /** Of one that is finished already it counts as a message, too. @throws {ServiceError} RATE_LIMITED. */
  finish(viewer: Viewer, input: FinishInput, meter: Meter): Promise<ShownMessage>;
  /** Asks whoever writes the message, or what replies to it, to stop. */
  stop(viewer: Viewer, id: string): Promise<boolean>;
}

export interface WritingsParts {
  readonly engine: Engine;
  readonly routed: Routed;
  readonly isHeldNow: IsHeldNow;
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly settleSent: SettleSent;
  /** Of appends to one message; 0: no limit. */
  readonly appendPaceMs: number;
}

/** How often what was decided is decided again because more was written meanwhile. */
const TRIES = 5;

function conflict(message: string, length: number): ServiceError {
  return new ServiceError('CONFLICT', message, { length });
}

const misplaced = (length: number): ServiceError =>
  conflict(`offset: the text of this message has ${length} characters.`, length);

/** Its sender is the viewer, and whoever began it for them writes it, or the other way round. */
const writtenByAnother = (): ServiceError =>
  new ServiceError('FORBIDDEN', 'Only the user or service that started a message may write it.');

const writerOf = (viewer: Viewer): Writer => ({ senderId: viewer.userId, via: viaOf(viewer) });

/** Undefined where nothing was given: the payload stays as it is. */
const newPayload = (value: unknown): unknown =>
  value === undefined || value === null ? undefined : payload(value, 'payload');

const charactersOf = (data: unknown): number => (data === undefined ? 0 : JSON.stringify(data).length);

function endOf(state: MessageState | null | undefined): Exclude<MessageState, 'STREAMING'> {
  if (state === 'STREAMING') throw badInput('state: must be COMPLETE or ABORTED.');
  return state ?? 'COMPLETE';
}

export function createWritings(parts: WritingsParts): Writings {
  const { engine, routed, isHeldNow, blocks, acting, settleSent, appendPaceMs } = parts;
  /** The viewer's own message. @throws {ServiceError} as of one that is not there, or of another's. */
  async function requireOwn(viewer: Viewer, id: MessageId): Promise<SeenMessage> {
    const [message] = await seeMessages(engine, viewer, [id]);
    if (!message) throw notFound('message');
    if (message.senderId !== viewer.userId)
      throw new ServiceError('FORBIDDEN', 'Only the sender of a message may write it.');
    return message;
  }

  /** A text for a message of the viewer's; how long that is now is read only to say it. */
  function textFor(viewer: Viewer, id: MessageId, text: string, name: string): string | Promise<string> {
    if (!isTooLongToWrite(text)) return writtenText(text, name, 0);
    return lengthNow(viewer, id).then((length) => writtenText(text, name, length));
  }

  async function lengthNow(viewer: Viewer, id: MessageId): Promise<number> {
    const writing = await engine.readWriting(viewer.tenant, id, writerOf(viewer));
    return lengthOf((writing?.message ?? (await requireOwn(viewer, id))).content);
  }

  /** Why nothing was written, in the caller's words. */
  async function refuse(viewer: Viewer, id: MessageId): Promise<never> {
    const { content, conversationId, state } = await requireOwn(viewer, id);
    const { membership } = await requireSeen(engine, viewer, conversationId);
    if (!membership) throw new ServiceError('FORBIDDEN', 'Only members may send messages.');
    if (state === 'STREAMING') throw writtenByAnother();
    throw conflict('The message is finished.', lengthOf(content));
  }

  /** A message that ended before is answered again to who ends it in the same way: their answer may have been lost. */
  async function settleEnded(viewer: Viewer, id: MessageId, { state, content }: FinishInput): Promise<ShownMessage> {
    const message = await requireOwn(viewer, id);
    if (message.state === 'STREAMING') throw writtenByAnother();
    const isSame = (message.state ?? 'COMPLETE') === endOf(state) && (content ?? message.content) === message.content;
    if (!isSame) throw conflict('The message was already finished.', lengthOf(message.content));
    return shownTo(viewer, message);
  }

  /** Ends what rules let through; of what they do not, nothing is left to be seen. */
  async function end(viewer: Viewer, writing: Writing, input: FinishInput, said: Said): Promise<WritingFinish> {
    const { tenant } = viewer;
    const writer = writerOf(viewer);
    const { message } = writing;
    const isText = input.content === null || input.content === undefined;
    const length = lengthOf(message.content);
    const isAsGiven = (next: Said): boolean => next.content === said.content && next.payload === said.payload;
    try {
      return await routed.finish(viewer, message, said, (next) =>
        engine.finishMessage(tenant, message.id, {
          ...writer,
          state: endOf(input.state),
          length: isText ? length : null,
          content: isText && isAsGiven(next) ? null : next.content,
          payload: next.payload,
        }),
      );
    } catch (error) {
      const reason = error instanceof ServiceError ? error.reason : undefined;
      if (reason === 'RULE_FAILED') {
        const nothing = { length: null, content: '', payload: null } as const;
        await engine.finishMessage(tenant, message.id, { ...writer, state: 'ABORTED', ...nothing });
      } else if (reason === 'DROPPED' || reason === 'ROUTED') await engine.deleteMessage(tenant, message.id, null);
      throw error;
    }
  }

  return {
    async start(by, input) {
      const viewer = acting.as(by, input.onBehalfOf);
      const { tenant } = viewer;
      const { senderId, via } = writerOf(viewer);
      const conversationId = identifier<ConversationId>(input.conversationId, 'conversationId');
      const clientMessageId = optional(input.clientMessageId, (id) => identifier(id, 'clientMessageId'));
      const said = {
        content: writtenText(input.content ?? '', 'content', 0),
        payload: payload(input.payload, 'payload'),
      };
      const replyToId = optional(input.replyToId, (id) => identifier<MessageId>(id, 'replyToId'));
      const key = messageKey(clientMessageId, said, replyToId, via);
      if (isDirect(conversationId)) await blocks.refuseIn(viewer, conversationId);
      const isHeld = await routed.isHeld(tenant, conversationId, senderId);
      const message: NewWriting = { ...said, conversationId, senderId, clientMessageId, key, replyToId, via, isHeld };
      const started = await engine.startMessage(tenant, message);
      if (started.outcome === 'full') {
        throw new ServiceError(
          'CONFLICT',
          `At most ${LIMITS.writingsPerSender} messages of one sender are written in a conversation at once, ${LIMITS.writingsPerConversation} of all.`,
        );
      }
      if (started.outcome === 'diverted') {
        throw new ServiceError(
          'CONFLICT',
          'clientMessageId: was already used for a message that a routing rule diverted.',
        );
      }
      return settleSent(viewer, conversationId, started);
    },

    async append(by, input, meter) {
      const id = identifier<MessageId>(input.id, 'id');
      const viewer = await acting.asSenderOf(by, id);
      const offset = natural(input.offset, 'offset');
      const text = await textFor(viewer, id, input.text, 'text');
      const data = newPayload(input.payload);
      if (text.length + charactersOf(data) > LIMITS.shortAppendCharacters) meter.count('message');
      const held = isHeldNow(viewer, id);
      const isHeld = typeof held === 'boolean' ? held : await held;
      const change = { ...writerOf(viewer), offset, text, payload: data, paceMs: appendPaceMs, isHeld };
      const append = await engine.appendText(viewer.tenant, id, change);
      switch (append.outcome) {
        case 'appended':
        case 'repeated':
          return { id, length: append.length, stopRequested: append.isStopRequested };
        case 'misplaced':
          throw misplaced(append.length);
        case 'too-long':
          throw tooLongToWrite('text', append.length);
        case 'too-often':
          throw new ServiceError('RATE_LIMITED', 'Rate limit exceeded; retry after retryAfterMs.', {
            retryAfterMs: append.retryAfterMs,
          });
        default:
          // Why is found out by reading all of the message: no append, which may come by the thousand, costs that.
          meter.count('message');
          return refuse(viewer, id);
      }
    },

    async finish(by, input, meter) {
      const id = identifier<MessageId>(input.id, 'id');
      const viewer = await acting.asSenderOf(by, id);
      const content = await optional(input.content, (given) => textFor(viewer, id, given, 'content'));
      const data = newPayload(input.payload);
      endOf(input.state);
      for (let tries = 0; tries < TRIES; tries += 1) {
        const writing = await engine.readWriting(viewer.tenant, id, writerOf(viewer));
        if (!writing) {
          meter.count('message');
          return settleEnded(viewer, id, { ...input, content });
        }
        await blocks.refuseIn(viewer, writing.message.conversationId);
        const said = { content: content ?? writing.message.content, payload: data ?? writing.message.payload };
        const finish = await end(viewer, writing, { ...input, content }, said);
        if (finish.outcome === 'finished') return ownMessage(viewer, finish.message);
        if (finish.outcome === 'ended') return settleEnded(viewer, id, { ...input, content });
        // More was written while rules looked at what was there.
        if (finish.outcome !== 'misplaced') return refuse(viewer, id);
      }
      throw new ServiceError('CONFLICT', 'The message is still being written.');
    },

    async stop(viewer, given) {
      const id = identifier<MessageId>(given, 'id');
      const [message] = await seeMessages(engine, viewer, [id]);
      if (!message) throw notFound('message');
      const { membership } = await requireSeen(engine, viewer, message.conversationId);
      if (!membership) throw new ServiceError('FORBIDDEN', 'Only members may do this.');
      await blocks.refuseIn(viewer, message.conversationId);
      if ((await engine.requestStop(viewer.tenant, message.id)) === null) throw notFound('message');
      return true;
    },
  };
}
