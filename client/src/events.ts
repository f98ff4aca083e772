/** The events of the inbox, as the document selects them. */
import type { ConversationInfo, Message } from './types.ts';

/** A message without the fields that depend on the reader. */
export type MessageText = Omit<Message, 'reactions'> & Partial<Pick<Message, 'reactions'>>;

/** A conversation with the reader's own state. */
export interface ConversationNow extends ConversationInfo {
  readonly lastSequence: number;
  readonly unreadMessageCount: number;
}

export interface Extension {
  readonly conversationId: string;
  readonly messageId: string;
  readonly offset: number;
  readonly text: string;
  readonly length: number;
  readonly payload: unknown;
}

export type InboxEvent =
  | { readonly __typename: 'MessageSent'; readonly message: MessageText }
  | { readonly __typename: 'MessageChanged'; readonly message: Message }
  | ({ readonly __typename: 'MessageExtended' } & Extension)
  | { readonly __typename: 'MessageStopRequested'; readonly message: { readonly id: string } }
  | { readonly __typename: 'ConversationJoined'; readonly conversation: ConversationNow }
  | { readonly __typename: 'ConversationLeft'; readonly conversationId: string }
  | { readonly __typename: 'ConversationChanged'; readonly conversation: ConversationNow }
  | { readonly __typename: 'ConversationReset'; readonly conversationId: string; readonly reset: string }
  | {
      readonly __typename: 'ReadMoved';
      readonly conversationId: string;
      readonly userId: string;
      readonly sequence: number;
    }
  | {
      readonly __typename: 'TypingChanged';
      readonly typing: { readonly conversationId: string; readonly userId: string; readonly isTyping: boolean };
    }
  | {
      readonly __typename: 'Checkpoint';
      readonly position: string;
      readonly isLive: boolean;
      readonly unreadMessageCount: number | null;
    };

export interface InboxPage {
  readonly viewer: {
    readonly unreadMessageCount: number | null;
    readonly inbox: {
      readonly edges: readonly { readonly node: EntryNow }[];
      readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
    } | null;
  };
}

export interface EntryNow {
  readonly mutedUntil: string | null;
  readonly isArchived: boolean;
  readonly isPinned: boolean;
  readonly isMarkedUnread: boolean;
  readonly conversation: ConversationNow & { readonly lastMessage: Message | null };
}

export interface MessagesPage {
  readonly conversation:
    | (Partial<ConversationNow> & {
        readonly lastMessage?: Message | null;
        readonly readReceipts?: {
          readonly nodes: readonly { readonly user: { readonly id: string }; readonly sequence: number }[];
        };
        readonly messages: {
          readonly nodes: readonly Message[];
          readonly pageInfo: { readonly hasPreviousPage: boolean; readonly startCursor: string | null };
        };
      })
    | null;
}
