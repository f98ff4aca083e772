/** For back ends: publishes and sends as a service over HTTP, idempotently. */
import { RequestError } from '../errors.ts';
import { newId } from '../host.ts';
import { writeStream } from '../streams.ts';
import type { Message } from '../types.ts';
import { Asking, type ServiceOptions } from './asking.ts';
import { type BatchResult, inBatches } from './batches.ts';

export { Disconnected, RequestError } from '../errors.ts';
export type { ServiceOptions } from './asking.ts';
export type { BatchError, BatchResult } from './batches.ts';

export interface Publication {
  readonly id: string;
  readonly topic: string;
  readonly payload: unknown;
  readonly senderId: string | null;
  readonly timestamp: string;
  /** Null for a publication that routing rules sent to users only. */
  readonly position: string | null;
}

export interface PublishInput {
  readonly topic: string;
  readonly payload: unknown;
  /** 1 to 128 of `A-Z a-z 0-9 . _ : @ -`, known for 24 h. Left out: one is created for this call and its retries. */
  readonly idempotencyKey?: string;
}

export interface SendInput {
  readonly conversationId: string;
  readonly content?: string;
  readonly payload?: unknown;
  /** The id of the message that this one replies to. */
  readonly replyToId?: string;
  /** As an `idempotencyKey`. */
  readonly clientMessageId?: string;
  /** The member who is the sender. */
  readonly onBehalfOf?: string;
}

/** A message as back ends get it. */
export type StoredMessage = Omit<Message, 'reactions' | 'editedAt' | 'deletedAt'>;

export interface PublishResult extends BatchResult {
  /** For `ROUTED` the first resulting publication; null when there is none. */
  readonly publication: Publication | null;
}
export interface SendResult extends BatchResult {
  /** As `publication` of a `PublishResult`. */
  readonly message: StoredMessage | null;
}

export interface MessageStreamOptions extends Pick<SendInput, 'payload' | 'clientMessageId' | 'onBehalfOf'> {
  readonly replyTo?: string;
  /** Called when a reader asks to stop: the iterable is ended, and the message is finished with its text so far. */
  readonly onStop?: () => void;
}

/** All methods reject with a `RequestError`, or with the connection's error after `giveUpAfterMs`. */
export interface RealtimeService {
  publish(input: PublishInput): Promise<Publication>;
  /** Publishes any number, in order within each topic. A retried one may come after later ones. */
  publishMany(inputs: readonly PublishInput[]): Promise<PublishResult[]>;
  sendMessage(input: SendInput): Promise<StoredMessage>;
  /** As `publishMany`, with the order of each conversation. */
  sendMessages(inputs: readonly SendInput[]): Promise<SendResult[]>;
  /**
   * Writes a streamed message from an iterable. Also rejects with the iterable's error; the message is then `ABORTED`.
   */
  streamMessage(conversationId: string, texts: AsyncIterable<string>, options?: MessageStreamOptions): Promise<Message>;
  /** Runs one operation of the app, with the same retries, so it must be safe to repeat. */
  request<Data>(query: string, variables?: object): Promise<Data>;
}

const PUBLICATION = '{ id topic payload senderId timestamp position }';
const MESSAGE = `{
  id conversationId sequence content payload senderId timestamp clientMessageId replyTo { id } state length position
}`;
const RESULT = 'outcome error { code message reason retryAfterMs }';

export const PUBLISH = `mutation Publish($topic: String!, $payload: JSON!, $idempotencyKey: ID) {
  publication: publish(topic: $topic, payload: $payload, idempotencyKey: $idempotencyKey) ${PUBLICATION}
}`;
export const PUBLISH_MANY = `mutation PublishMany($items: [PublishInput!]!) {
  results: publishMany(items: $items) { ${RESULT} publication ${PUBLICATION} }
}`;
export const SEND_ONE = `mutation SendOne($input: SendMessageInput!) { message: sendMessage(input: $input) ${MESSAGE} }`;
export const SEND_MANY = `mutation SendMany($items: [SendMessageInput!]!) {
  results: sendMessages(items: $items) { ${RESULT} message ${MESSAGE} }
}`;

const keyed = (input: PublishInput): PublishInput => ({ idempotencyKey: newId(), ...input });
const named = (input: SendInput): SendInput => ({ clientMessageId: newId(), ...input });

/** Creates a client for a back end. It holds no connection. */
export function createService(options: ServiceOptions): RealtimeService {
  const asking = new Asking(options);
  return {
    async publish(input) {
      return stored((await asking.ask<{ publication: Publication | null }>(PUBLISH, keyed(input))).publication);
    },
    publishMany: (inputs) => inBatches(asking, inputs.map(keyed), PUBLISH_MANY),
    async sendMessage(input) {
      return stored((await asking.ask<{ message: StoredMessage | null }>(SEND_ONE, { input: named(input) })).message);
    },
    sendMessages: (inputs) => inBatches(asking, inputs.map(named), SEND_MANY),
    streamMessage(conversationId, texts, { clientMessageId = newId(), onBehalfOf, ...rest } = {}) {
      const parts = {
        ask: <Data>(query: string, variables: object = {}) => asking.ask<Data>(query, variables),
        stops: new Map(),
      };
      const given = { clientMessageId, ...(onBehalfOf === undefined ? {} : { onBehalfOf }) };
      return writeStream(parts, conversationId, texts, rest, given);
    },
    request: (query, variables = {}) => asking.ask(query, variables),
  };
}

function stored<Value>(value: Value | null): Value {
  if (value) return value;
  throw new RequestError({ message: 'The service returned no data.' });
}
