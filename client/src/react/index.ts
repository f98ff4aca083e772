/** React hooks. Rendering alone never connects, nor does rendering on a server; subscribing does. */
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react';
import type { Inbox } from '../inbox.ts';
import type { SendOptions } from '../outbox.ts';
import type { Realtime } from '../realtime.ts';
import type {
  InboxList,
  MessageList,
  Presence,
  Readable,
  ReadReceipt,
  SentMessage,
  Status,
  UnsentMessage,
} from '../types.ts';
import { type SuspenseOptions, suspendUntil } from './suspense.ts';

/** The values before anything is known. */
const NO_LIST: InboxList = { entries: [], unread: 0, isLoaded: false, hasMore: true, isLoading: false };
const NO_MESSAGES: MessageList = { messages: [], isLoaded: false, isLoading: false, hasOlder: true, error: null };
const NO_OUTBOX: readonly UnsentMessage[] = [];
const NOBODY: readonly string[] = [];
const NO_RECEIPTS: readonly ReadReceipt[] = [];

const Context = createContext<Realtime | null>(null);

/** Provides the client to the hooks below it. The app creates and closes the client. */
export const RealtimeProvider = ({
  chat,
  children,
}: {
  readonly chat: Realtime;
  readonly children?: ReactNode;
}): ReactElement => createElement(Context.Provider, { value: chat }, children);

export function useRealtime(): Realtime {
  const chat = useContext(Context);
  if (!chat) throw new Error('No RealtimeProvider above this component.');
  return chat;
}

/** `first`: the value that a server rendered, used during hydration. */
const useReadable = <Value>(readable: Readable<Value>, first: Value): Value => {
  const now = useCallback(() => readable.value, [readable]);
  return useSyncExternalStore(
    readable.subscribe,
    now,
    useCallback(() => first, [first]),
  );
};

export const useStatus = (): Status => useReadable(useRealtime().status, 'connecting');

export function useInbox({ suspense = false }: SuspenseOptions = {}): InboxList & Pick<Inbox, 'loadMore'> {
  const chat = useRealtime();
  const { inbox } = chat;
  if (suspense) suspendUntil(chat, inbox, ({ entries }) => entries.length > 0 || chat.status.value === 'live');
  const list = useReadable(inbox, NO_LIST);
  return useMemo(() => ({ ...list, loadMore: inbox.loadMore }), [list, inbox]);
}

/** The messages of all conversations that are waiting or failed. */
export const useOutbox = (): readonly UnsentMessage[] => useReadable(useRealtime().outbox, NO_OUTBOX);

export interface Messages extends MessageList {
  loadOlder(): Promise<void>;
  send(content: string, options?: SendOptions): Promise<string>;
  retry(key: string): Promise<void>;
  discard(key: string): Promise<void>;
  markRead(sequence?: number): void;
}

/** The messages of a conversation, and the actions on them. */
export function useMessages(conversationId: string, { suspense = false }: SuspenseOptions = {}): Messages {
  const chat = useRealtime();
  const room = chat.conversation(conversationId);
  if (suspense)
    suspendUntil(
      chat,
      room.messages,
      ({ messages, isLoaded, error }) => messages.length > 0 || isLoaded || error !== null,
    );
  const list = useReadable(room.messages, NO_MESSAGES);
  return useMemo(
    () => ({
      ...list,
      loadOlder: () => room.loadOlder(),
      send: (content, options) => room.send(content, options),
      retry: (key) => room.retry(key),
      discard: (key) => room.discard(key),
      markRead: (sequence) => room.markRead(sequence),
    }),
    [list, room],
  );
}

/** The ids of others who type, and a function to call at each key. Typing ends when the component unmounts. */
export function useTyping(
  conversationId: string,
): readonly [userIds: readonly string[], setTyping: (isTyping: boolean) => void] {
  const room = useRealtime().conversation(conversationId);
  const users = useReadable(room.typing, NOBODY);
  const setTyping = useCallback((isTyping: boolean) => room.setTyping(isTyping), [room]);
  useEffect(() => () => room.setTyping(false), [room]);
  return [users, setTyping];
}

/** Null until it is known. */
export const usePresence = (userId: string): Presence | null => useReadable(useRealtime().presence(userId), null);

export const useReceipts = (conversationId: string): readonly ReadReceipt[] =>
  useReadable(useRealtime().conversation(conversationId).receipts, NO_RECEIPTS);

/** The messages of a conversation that are being written now. Their content grows. */
export function useStream(conversationId: string): readonly SentMessage[] {
  const { messages } = useReadable(useRealtime().conversation(conversationId).messages, NO_MESSAGES);
  return useMemo(
    () =>
      messages.filter((message): message is SentMessage => message.status === 'sent' && message.state === 'STREAMING'),
    [messages],
  );
}
