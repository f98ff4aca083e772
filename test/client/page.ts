/** A page of a chat on the hooks, in strict mode. Its parameters are in its address. */
import { createElement as h, type ReactElement, StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createRealtime, type Realtime, type ShownMessage } from '../../client/src/index.ts';
import {
  RealtimeProvider,
  useInbox,
  useMessages,
  usePresence,
  useReceipts,
  useStatus,
  useStream,
  useTyping,
} from '../../client/src/react/index.ts';
import { indexedDbStorage } from '../../client/src/storage/index.ts';

interface Page {
  readonly location: { readonly search: string };
  readonly document: { getElementById(id: string): Element };
  chat: Realtime;
}
const page = globalThis as unknown as Page;
const given = new URLSearchParams(page.location.search);
const [url, token, conversationId, peer] = ['url', 'token', 'conversation', 'peer'].map(
  (name) => given.get(name) ?? '',
);

const line = ({ key, content, status }: ShownMessage): ReactElement => h('li', { key, 'data-status': status }, content);

function Chat(): ReactElement {
  const { entries, unread } = useInbox();
  const { messages, markRead } = useMessages(conversationId ?? '');
  const [typing, setTyping] = useTyping(conversationId ?? '');
  const receipts = useReceipts(conversationId ?? '');
  return h(
    'main',
    null,
    h('p', { id: 'status' }, useStatus()),
    h('p', { id: 'list' }, entries.map(({ conversation }) => conversation.name).join()),
    h('p', { id: 'unread' }, `${unread}`),
    h('p', { id: 'presence' }, usePresence(peer ?? '')?.status ?? ''),
    h('p', { id: 'typing' }, typing.join()),
    h('p', { id: 'receipts' }, `${receipts.find(({ userId }) => userId === peer)?.sequence ?? 0}`),
    h(
      'p',
      { id: 'streaming' },
      useStream(conversationId ?? '')
        .map(({ content }) => content)
        .join(),
    ),
    h('ol', null, messages.map(line)),
    h('button', { type: 'button', id: 'read', onClick: () => markRead() }, 'Read'),
    h('button', { type: 'button', id: 'type', onClick: () => setTyping(true) }, 'Type'),
  );
}

page.chat = createRealtime({ url: url ?? '', getToken: () => token ?? '', storage: indexedDbStorage() });
createRoot(page.document.getElementById('root')).render(
  h(StrictMode, null, h(RealtimeProvider, { chat: page.chat }, h(Chat))),
);
