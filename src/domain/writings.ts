/** The rules of streamed messages: who starts, appends to, finishes and stops them. */
import { requireSeen, type ShownMessage, seeMessages } from '../access/seen.ts';
import type { Engine } from '../engine/port.ts';
import { notFound, ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { MessageId, Meter, Viewer } from '../model.ts';
import type { Acting } from './acting.ts';
import type { Blocks } from './blocks.ts';
import type { IsTextHeldBack } from './holding.ts';
import { identifier, natural, tooLongToWrite } from './input.ts';
import type { Routed } from './routed.ts';
import type { MessageInput, ResultOfSent } from './sending.ts';
import { conflict, createWriterChecks, newPayload, writerOf } from './writer.ts';
import { createFinishWriting, type FinishInput } from './writing-finish.ts';
import { createStartWriting } from './writing-start.ts';

export interface MessageProgress {
  readonly id: MessageId;
  /** Length of the text so far, in code points. */
  readonly length: number;
  readonly stopRequested: boolean;
}

export interface AppendInput {
  readonly id: string;
  readonly offset: number;
  readonly text: string;
  readonly payload?: unknown;
}

export interface Writings {
  start(viewer: Viewer, input: MessageInput): Promise<ShownMessage>;
  /** A long or refused append also counts as a message. @throws {ServiceError} RATE_LIMITED. */
  append(viewer: Viewer, input: AppendInput, meter: Meter): Promise<MessageProgress>;
  /** For a message that is already finished the call also counts as a message. @throws {ServiceError} RATE_LIMITED. */
  finish(viewer: Viewer, input: FinishInput, meter: Meter): Promise<ShownMessage>;
  /** Asks the writer of the message, or of a reply to it, to stop. */
  stop(viewer: Viewer, id: string): Promise<boolean>;
}

export interface WritingsParts {
  readonly engine: Engine;
  readonly routed: Routed;
  readonly isTextHeldBack: IsTextHeldBack;
  readonly blocks: Blocks;
  readonly acting: Acting;
  readonly resultOfSent: ResultOfSent;
  /** The average interval between appends to one message; 0: no limit. */
  readonly appendPaceMs: number;
}

const misplaced = (length: number): ServiceError =>
  conflict(`offset: the text of this message has ${length} characters.`, length);

const charactersOf = (data: unknown): number => (data === undefined ? 0 : JSON.stringify(data).length);

export function createWritings(parts: WritingsParts): Writings {
  const { engine, isTextHeldBack, blocks, acting, appendPaceMs } = parts;
  const checks = createWriterChecks(engine);
  const { textFor, refuse } = checks;

  return {
    start: createStartWriting(parts),
    finish: createFinishWriting({ ...parts, checks }),

    async append(by, input, meter) {
      const id = identifier<MessageId>(input.id, 'id');
      const viewer = await acting.asSenderOf(by, id);
      const offset = natural(input.offset, 'offset');
      const text = await textFor(viewer, id, input.text, 'text');
      const data = newPayload(input.payload);
      if (text.length + charactersOf(data) > LIMITS.shortAppendCharacters) meter.count('message');
      const held = isTextHeldBack(viewer, id);
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
          // Finding the reason reads the whole message, so a refused append is charged as a message.
          meter.count('message');
          return refuse(viewer, id);
      }
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
