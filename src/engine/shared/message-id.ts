/**
 * Message ids contain their conversation: `<key>.<sequence>.<nonce>`.
 *
 * `key` is 128 bits of SHA-256 over the conversation's id, so that an id stays within 128 characters and no index from
 * messages to conversations is needed. Because of the nonce an id never names another message after a log lost its end.
 */
import { hash, randomUUID } from 'node:crypto';
import type { ConversationId, MessageId } from '../../model.ts';

const FORM = /^([\w-]{22})\.([1-9]\d{0,14})\.([\w-]{8})$/;

export interface MessageIdParts {
  readonly conversationKey: string;
  readonly sequence: number;
}

export function conversationKey(id: ConversationId): string {
  return Buffer.from(hash('sha256', id, 'hex').slice(0, 32), 'hex').toString('base64url');
}

/** The last 48 bits of a random UUID, since Node generates UUIDs in batches. */
export function messageNonce(): string {
  return Buffer.from(randomUUID().slice(24), 'hex').toString('base64url');
}

export function messageId(key: string, sequence: number, nonce: string): MessageId {
  return `${key}.${sequence}.${nonce}` as MessageId;
}

/** Null for any other text. */
export function parseMessageId(id: MessageId): MessageIdParts | null {
  const match = FORM.exec(id);
  const [, key, sequence] = match ?? [];
  return key === undefined || sequence === undefined ? null : { conversationKey: key, sequence: Number(sequence) };
}
