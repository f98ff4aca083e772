/** The messages of the conversation as one person sees them. */
import { memo, type ReactElement, useCallback, useEffect, useLayoutEffect, useRef } from 'react';
import type { Room, ShownMessage, UnsentMessage } from '../../client/src/index.ts';
import { useMessages, useRealtime, useReceipts } from '../../client/src/react/index.ts';
import { moveByArrows } from './arrows.ts';
import { Avatar } from './avatar.tsx';

interface MessagesProps {
  readonly userId: string;
  readonly conversationId: string;
  /** Ids of the messages that were replayed after a cut. */
  readonly recovered: readonly string[];
}

const EMOJI = ['👍', '🎉', '❤️'];
/** If the reader is within this distance of the end, in pixels, new messages scroll into view. */
const NEAR_PX = 80;

export function Messages({ userId, conversationId, recovered }: MessagesProps): ReactElement {
  const { messages, isLoaded, isLoading, hasOlder, loadOlder, markRead, error } = useMessages(conversationId);
  const receipts = useReceipts(conversationId);
  const list = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    if (list.current && isAtEnd.current) list.current.scrollTop = list.current.scrollHeight;
  });
  const read = useCallback(() => markRead(), [markRead]);
  // While the focus is in the pane, also in the composer, new messages count as read.
  useEffect(() => {
    const pane = list.current?.closest('section');
    if (pane?.contains(document.activeElement)) read();
    pane?.addEventListener('focusin', read);
    return () => pane?.removeEventListener('focusin', read);
  }, [read]);
  const readBy = (message: ShownMessage): string[] =>
    message.status === 'sent' && message.senderId === userId
      ? receipts
          .filter((receipt) => receipt.userId !== userId && receipt.sequence >= message.sequence)
          .map((receipt) => receipt.userId)
      : [];
  const lastOwnRead = messages.findLast((message) => readBy(message).length > 0)?.key;
  return (
    <div
      ref={list}
      className="messages"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard.
      tabIndex={0}
      role="log"
      aria-label={`Messages as ${userId} sees them`}
      aria-busy={isLoading}
      aria-description="The arrow keys move between the buttons of the messages."
      onPointerDown={read}
      onKeyDown={moveByArrows}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      }}
    >
      {hasOlder && messages.length > 0 && (
        <button type="button" tabIndex={-1} className="older" onClick={() => void loadOlder()}>
          Load older messages
        </button>
      )}
      {error && <p className="empty">{error.message}</p>}
      {isLoaded && messages.length === 0 && <p className="empty">Nothing is written yet.</p>}
      {messages.map((message) => (
        <Message
          key={message.key}
          message={message}
          isOwn={message.senderId === userId}
          isRecovered={message.id !== null && recovered.includes(message.id)}
          readBy={message.key === lastOwnRead ? readBy(message).join(', ') : ''}
        />
      ))}
    </div>
  );
}

interface MessageProps {
  readonly message: ShownMessage;
  readonly isOwn: boolean;
  readonly isRecovered: boolean;
  readonly readBy: string;
}

const timeOf = (timestamp: string): string =>
  new Date(timestamp).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });

const Message = memo(({ message, isOwn, isRecovered, readBy }: MessageProps): ReactElement => {
  const isStreaming = message.status === 'sent' && message.state === 'STREAMING';
  return (
    <article className="message" data-own={isOwn} data-status={message.status} data-recovered={isRecovered}>
      <Avatar userId={message.senderId} />
      <div className="bubble">
        <p className="meta">
          <strong>{message.senderId}</strong> <time dateTime={message.timestamp}>{timeOf(message.timestamp)}</time>
          {message.sequence !== null && <span>#{message.sequence}</span>}
          {isRecovered && <span className="pill">recovered</span>}
        </p>
        <p className="content" data-streaming={isStreaming}>
          {message.status === 'sent' && message.deletedAt !== null ? <em>deleted</em> : message.content}
        </p>
        <Below message={message} isStreaming={isStreaming} readBy={readBy} />
      </div>
    </article>
  );
});

interface BelowProps {
  readonly message: ShownMessage;
  readonly isStreaming: boolean;
  readonly readBy: string;
}

function Below({ message, isStreaming, readBy }: BelowProps): ReactElement {
  const room = useRealtime().conversation(message.conversationId);
  if (message.status !== 'sent') return <Unsent message={message} room={room} />;
  if (isStreaming) {
    return (
      <p className="state">
        is being written{' '}
        <button type="button" tabIndex={-1} onClick={() => void room.stop(message.id).catch(() => undefined)}>
          Stop
        </button>
      </p>
    );
  }
  return (
    <p className="state">
      <span className="reactions">
        {EMOJI.map((emoji) => {
          const { count = 0, viewerReacted = false } =
            message.reactions.find((reaction) => reaction.emoji === emoji) ?? {};
          return (
            <button
              key={emoji}
              type="button"
              tabIndex={-1}
              aria-pressed={viewerReacted}
              aria-label={`${emoji} ${count}, on "${message.content.slice(0, 40)}"`}
              onClick={() => void room.react(message.id, emoji, !viewerReacted).catch(() => undefined)}
            >
              {emoji}
              {count > 0 && <span>{count}</span>}
            </button>
          );
        })}
      </span>
      {readBy && <span className="read">read by {readBy}</span>}
    </p>
  );
}

const Unsent = ({ message, room }: { readonly message: UnsentMessage; readonly room: Room }): ReactElement =>
  message.status === 'sending' ? (
    <p className="state">waits {message.error ? 'until the service takes more' : 'to be sent'}</p>
  ) : (
    <p className="state" data-failed>
      {message.error?.message}{' '}
      <button type="button" tabIndex={-1} onClick={() => void room.retry(message.key)}>
        Try again
      </button>
      <button type="button" tabIndex={-1} onClick={() => void room.discard(message.key)}>
        Discard
      </button>
    </p>
  );
