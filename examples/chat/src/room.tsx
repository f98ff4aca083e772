import { type FormEvent, useEffect, useRef, useState } from 'react';
import type { ShownMessage } from 'realtime-communication-client';
import { useMessages, useRealtime, useReceipts, useTyping } from 'realtime-communication-client/react';

export function Room({ id }: { id: string }) {
  const { messages, isLoaded, hasOlder, isLoading, error, loadOlder, send, retry, discard, markRead } = useMessages(id);
  const [typing, setTyping] = useTyping(id);
  const [text, setText] = useState('');
  const [isKeeping, setKeeping] = useState(false);
  const end = useRef<HTMLLIElement>(null);
  const count = messages.length;
  useEffect(() => {
    if (count === 0) return;
    end.current?.scrollIntoView();
    markRead();
  }, [count, markRead]);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (isKeeping || text.trim() === '') return;
    setKeeping(true);
    // Once it resolves, the message survives a reload. What was typed meanwhile stays.
    void send(text).finally(() => {
      setText((now) => (now.startsWith(text) ? now.slice(text.length) : now));
      setKeeping(false);
    });
  };
  return (
    <section aria-label="Messages">
      {error && <p role="alert">{error.message}</p>}
      {!isLoaded && !error && <p role="status">Loading …</p>}
      <ol>
        {hasOlder && count > 0 && (
          <li>
            <button type="button" disabled={isLoading} onClick={() => void loadOlder()}>
              Older
            </button>
          </li>
        )}
        {messages.map((message) => (
          <Line key={message.key} message={message} onRetry={retry} onDiscard={discard} />
        ))}
        <li ref={end} className="end" aria-hidden="true" />
      </ol>
      <ReadBy id={id} sequence={messages.findLast(({ sequence }) => sequence !== null)?.sequence ?? 0} />
      <p className="typing" role="status">
        {typing.length > 0 && `${typing.join(' and ')} typing …`}
      </p>
      <form onSubmit={submit}>
        <label htmlFor="text">Message</label>
        <input
          id="text"
          value={text}
          autoComplete="off"
          onChange={({ target }) => {
            setText(target.value);
            setTyping(target.value !== '');
          }}
        />
        <button type="submit">Send</button>
      </form>
    </section>
  );
}

interface LineProps {
  readonly message: ShownMessage;
  readonly onRetry: (key: string) => Promise<void>;
  readonly onDiscard: (key: string) => Promise<void>;
}

function Line({ message, onRetry, onDiscard }: LineProps) {
  const isOwn = message.senderId === useRealtime().userId;
  const { key, status, content, senderId } = message;
  return (
    <li data-status={status} data-own={isOwn}>
      <b>{senderId}</b>
      <span className="content">{content}</span>
      {status === 'sending' && <i>{message.error ? 'waits until the service takes more …' : 'sending …'}</i>}
      {status === 'failed' && (
        <span role="alert">
          {message.error?.message}{' '}
          <button type="button" onClick={() => void onRetry(key)}>
            Send again
          </button>{' '}
          <button type="button" onClick={() => void onDiscard(key)}>
            Discard
          </button>
        </span>
      )}
    </li>
  );
}

function ReadBy({ id, sequence }: { id: string; sequence: number }) {
  const me = useRealtime().userId;
  const readers = useReceipts(id).filter((receipt) => receipt.userId !== me && receipt.sequence >= sequence);
  return (
    <p className="read">
      {sequence > 0 && readers.length > 0 && `Read by ${readers.map(({ userId }) => userId).join(', ')}`}
    </p>
  );
}
