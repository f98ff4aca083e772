/** Hooks. Nothing is opened while a page is rendered on a server, and nothing by rendering: what is looked at connects. */
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
import type { InboxList, MessageList, Presence, Readable, ReadReceipt, SentMessage, Status } from '../types.ts';

const Context = createContext<Realtime | null>(null);

/** Gives the client to the hooks below it. It is the app that makes it and closes it. */
export const RealtimeProvider = ({
  chat,
  children,
}: {
  readonly chat: Realtime;
  readonly children?: ReactNode;
}): ReactElement => createElement(Context.Provider, { value: chat }, children);

export function useRealtime(): Realtime {
  const chat = useContext(Context);
  if (!chat) throw new Error('There is no RealtimeProvider above this component.');
  return chat;
}

const useReadable = <Value>(readable: Readable<Value>): Value => {
  const now = useCallback(() => readable.value, [readable]);
  return useSyncExternalStore(readable.subscribe, now, now);
};

export const useStatus = (): Status => useReadable(useRealtime().status);

export function useInbox(): InboxList & Pick<Inbox, 'loadMore'> {
  const { inbox } = useRealtime();
  const list = useReadable(inbox);
  return useMemo(() => ({ ...list, loadMore: inbox.loadMore }), [list, inbox]);
}

export interface Messages extends MessageList {
  loadOlder(): Promise<void>;
  send(content: string, options?: SendOptions): Promise<string>;
  retry(key: string): Promise<void>;
  discard(key: string): Promise<void>;
  markRead(sequence?: number): void;
}

/** The messages of a conversation, and what is done with them. */
export function useMessages(conversationId: string): Messages {
  const room = useRealtime().conversation(conversationId);
  const list = useReadable(room.messages);
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

/** The ids of others who type, and what to call at each key. It ends when the component goes. */
export function useTyping(
  conversationId: string,
): readonly [userIds: readonly string[], setTyping: (isTyping: boolean) => void] {
  const room = useRealtime().conversation(conversationId);
  const users = useReadable(room.typing);
  const setTyping = useCallback((isTyping: boolean) => room.setTyping(isTyping), [room]);
  useEffect(() => () => room.setTyping(false), [room]);
  return [users, setTyping];
}

/** Null until it was told. */
export const usePresence = (userId: string): Presence | null => useReadable(useRealtime().presence(userId));

export const useReceipts = (conversationId: string): readonly ReadReceipt[] =>
  useReadable(useRealtime().conversation(conversationId).receipts);

/** The messages of a conversation that are being written now. Their content grows. */
export function useStream(conversationId: string): readonly SentMessage[] {
  const { messages } = useReadable(useRealtime().conversation(conversationId).messages);
  return useMemo(
    () =>
      messages.filter((message): message is SentMessage => message.status === 'sent' && message.state === 'STREAMING'),
    [messages],
  );
}
