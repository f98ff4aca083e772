/** A chat on the hooks, which a server renders and a page hydrates. */
import { createElement as h, type ReactElement, StrictMode, Suspense, useState } from 'react';
import type { Realtime } from '../../client/src/index.ts';
import {
  RealtimeProvider,
  useInbox,
  useMessages,
  usePresence,
  useReceipts,
  useStatus,
  useTyping,
} from '../../client/src/react/index.ts';

const Field = ({ id, text }: { id: string; text: string }): ReactElement => h('p', { id }, text);

function Room({ id }: { id: string }): ReactElement {
  const { messages } = useMessages(id);
  const [typing, setTyping] = useTyping(id);
  const lines = messages.map(({ key, content }) => h('li', { key }, content));
  const receipts = useReceipts(id);
  return h(
    'section',
    null,
    h('ol', { id: 'shown' }, lines),
    h(Field, { id: 'typing', text: typing.join() }),
    h(Field, { id: 'receipts', text: `${receipts.length}` }),
    h(Field, { id: 'presence', text: usePresence('bob')?.status ?? 'unknown' }),
    h('button', { type: 'button', id: 'type', onClick: () => setTyping(true) }, 'Type'),
  );
}

function Waiting({ id }: { id: string }): ReactElement {
  const { messages } = useMessages(id, { suspense: true });
  const { entries } = useInbox({ suspense: true });
  return h('ol', { id: 'waited' }, [
    ...messages.map(({ key, content }) => h('li', { key }, content)),
    ...entries.map(({ conversation }) => h('li', { key: conversation.id }, conversation.name)),
  ]);
}

function Screen({ id }: { id: string }): ReactElement {
  const [isOpen, open] = useState(true);
  const { entries, unread } = useInbox();
  const fallback = h(Field, { id: 'fallback', text: 'loading' });
  return h(
    'main',
    null,
    h(Field, { id: 'status', text: useStatus() }),
    h(Field, { id: 'list', text: `${entries.length} of ${unread}` }),
    h('button', { type: 'button', id: 'toggle', onClick: () => open(!isOpen) }, 'Open or close'),
    isOpen ? h(Room, { id }) : null,
    h(Suspense, { fallback }, h(Waiting, { id })),
  );
}

export const App = ({ chat, id }: { chat: Realtime; id: string }): ReactElement =>
  h(StrictMode, null, h(RealtimeProvider, { chat }, h(Screen, { id })));
