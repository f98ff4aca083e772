import { type FormEvent, useState } from 'react';
import type { InboxEntry } from 'realtime-communication-client';
import { useInbox, usePresence } from 'realtime-communication-client/react';

interface ListProps {
  readonly openId: string | null;
  readonly onOpen: (id: string) => void;
  readonly onBegin: (userId: string) => Promise<void>;
}

export function List({ openId, onOpen, onBegin }: ListProps) {
  const { entries, hasMore, isLoading, loadMore } = useInbox();
  const [error, setError] = useState('');
  const begin = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const form = event.currentTarget;
    const userId = String(new FormData(form).get('user') ?? '').trim();
    setError('');
    onBegin(userId).then(
      () => form.reset(),
      (failure: Error) => setError(failure.message),
    );
  };
  return (
    <nav aria-label="Conversations">
      <form onSubmit={begin}>
        <label htmlFor="user">Write to</label>
        <input id="user" name="user" placeholder="bob" autoComplete="off" required />
        <button type="submit">Begin</button>
      </form>
      {error !== '' && <p role="alert">{error}</p>}
      <ul>
        {entries.map((entry) => (
          <li key={entry.conversation.id}>
            <Entry entry={entry} isOpen={entry.conversation.id === openId} onOpen={onOpen} />
          </li>
        ))}
      </ul>
      {hasMore && entries.length > 0 && (
        <button type="button" disabled={isLoading} onClick={() => void loadMore()}>
          More
        </button>
      )}
    </nav>
  );
}

interface EntryProps {
  readonly entry: InboxEntry;
  readonly isOpen: boolean;
  readonly onOpen: (id: string) => void;
}

function Entry({ entry: { conversation, lastMessage, unread }, isOpen, onOpen }: EntryProps) {
  const { id, name, peer } = conversation;
  return (
    <button type="button" className="entry" aria-current={isOpen} onClick={() => onOpen(id)}>
      <b>
        {peer && <Dot userId={peer.id} />}
        {name ?? peer?.id ?? id}
      </b>
      <span className="last">{lastMessage?.content}</span>
      {unread > 0 && <span className="unread">{unread} unread</span>}
    </button>
  );
}

function Dot({ userId }: { userId: string }) {
  const status = usePresence(userId)?.status ?? 'OFFLINE';
  return <span className="dot" data-presence={status} role="img" aria-label={status.toLowerCase()} />;
}
