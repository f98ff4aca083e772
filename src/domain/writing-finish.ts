/** Finishes a streamed message for its writer, through the routing rules. Idempotent. */
import { ownMessage, type ShownMessage, shownTo } from '../access/seen.ts';
import { lengthOf } from '../code-points.ts';
import type { Engine, Writing, WritingFinish } from '../engine/port.ts';
import { badInput, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { MessageId, MessageState, Meter, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import type { Blocks } from './blocks.ts';
import { identifier, optional } from './input.ts';
import type { Routed } from './routed.ts';
import type { MessageContents } from './rule-run.ts';
import { conflict, newPayload, type WriterChecks, writerOf, writtenByAnother } from './writer.ts';

export interface FinishInput {
  readonly id: string;
  readonly state?: MessageState | null | undefined;
  readonly content?: string | null | undefined;
  readonly payload?: unknown;
}

function endOf(state: MessageState | null | undefined): Exclude<MessageState, 'STREAMING'> {
  if (state === 'STREAMING') throw badInput('state: must be COMPLETE or ABORTED.');
  return state ?? 'COMPLETE';
}

export type FinishWriting = (viewer: Viewer, input: FinishInput, meter: Meter) => Promise<ShownMessage>;

export interface WritingFinishParts {
  readonly engine: Engine;
  readonly routed: Routed;
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly checks: WriterChecks;
}

export function createFinishWriting({ engine, routed, blocks, acting, checks }: WritingFinishParts): FinishWriting {
  const { requireOwn, textFor, refuse } = checks;

  /** An equal repeated finish gets the same answer, since the first answer may have been lost. */
  async function answerEnded(viewer: Viewer, id: MessageId, { state, content }: FinishInput): Promise<ShownMessage> {
    const message = await requireOwn(viewer, id);
    if (message.state === 'STREAMING') throw writtenByAnother();
    const isSame = (message.state ?? 'COMPLETE') === endOf(state) && (content ?? message.content) === message.content;
    if (!isSame) throw conflict('The message was already finished.', lengthOf(message.content));
    return shownTo(viewer, message);
  }

  /** Finishes a message that the rules let through; the text of any other message is removed. */
  async function end(
    viewer: Viewer,
    writing: Writing,
    input: FinishInput,
    contents: MessageContents,
  ): Promise<WritingFinish> {
    const { tenant } = viewer;
    const writer = writerOf(viewer);
    const { message } = writing;
    const isText = input.content === null || input.content === undefined;
    const length = lengthOf(message.content);
    const isAsGiven = (next: MessageContents): boolean =>
      next.content === contents.content && next.payload === contents.payload;
    try {
      return await routed.finish(viewer, message, contents, (next) =>
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

  return async (by, input, meter) => {
    const id = identifier<MessageId>(input.id, 'id');
    const viewer = await acting.asSenderOf(by, id);
    const content = await optional(input.content, (given) => textFor(viewer, id, given, 'content'));
    const data = newPayload(input.payload);
    endOf(input.state);
    for (let tries = 0; tries < LIMITS.finishTries; tries += 1) {
      const writing = await engine.readWriting(viewer.tenant, id, writerOf(viewer));
      if (!writing) {
        meter.count('message');
        return answerEnded(viewer, id, { ...input, content });
      }
      await blocks.refuseIn(viewer, writing.message.conversationId);
      const contents = { content: content ?? writing.message.content, payload: data ?? writing.message.payload };
      const finish = await end(viewer, writing, { ...input, content }, contents);
      if (finish.outcome === 'finished') return ownMessage(viewer, finish.message);
      if (finish.outcome === 'ended') return answerEnded(viewer, id, { ...input, content });
      // Text was added while the rules ran.
      if (finish.outcome !== 'misplaced') return refuse(viewer, id);
    }
    throw new ServiceError('CONFLICT', 'The message is still being written.');
  };
}
