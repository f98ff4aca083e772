/** GraphiQL. Each request and subscription carries the token of `#token=` in the address, which no server receives. */
import { createGraphiQLFetcher, type Fetcher } from '@graphiql/toolkit';
import { GraphiQL } from 'graphiql';
import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import './graphiql.css';

const KEY = 'graphiql-token';
const given = new URLSearchParams(location.hash.slice(1)).get('token');
// Removes the token from the address bar and the history of the browser, and keeps it in this tab over a reload.
if (given !== null) {
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, '', location.pathname);
}
const token = sessionStorage.getItem(KEY);

const url = new URL('/graphql', location.href).href;
type Headers = Readonly<Record<string, string>>;

const socketOf = (headers: Headers) =>
  createClient({ url: url.replace(/^http/, 'ws'), connectionParams: { ...headers }, lazy: true });
let socket: { readonly key: string; readonly client: ReturnType<typeof socketOf> } | null = null;

/** One socket for each set of headers, because a socket keeps the token with which it was opened. */
function clientFor(headers: Headers): ReturnType<typeof socketOf> {
  const key = JSON.stringify(headers);
  if (socket?.key !== key) {
    void socket?.client.dispose();
    socket = { key, client: socketOf(headers) };
  }
  return socket.client;
}

const fetcher: Fetcher = (request, options) => {
  const headers = (options?.headers ?? {}) as Headers;
  return createGraphiQLFetcher({ url, headers: { ...headers }, wsClient: clientFor(headers) })(request, options);
};

const WELCOME = `# Run with Ctrl-Enter. The token stands under "Headers", below.
query Me {
  viewer {
    id
    unreadMessageCount
    inbox(first: 10) {
      edges { node { unreadMessageCount conversation { id name lastMessage { content senderId } } } }
    }
  }
}

# A subscription runs until you stop it. Meanwhile, write something in the console.
subscription Messages {
  messageReceived { conversationId sequence senderId content position }
}
`;

/** Focuses the editor once it is there, so that Ctrl-Enter works at once. */
function focusEditor(page: HTMLElement): void {
  const observer = new MutationObserver(() => {
    const input = page.querySelector<HTMLElement>(
      '.graphiql-query-editor textarea, .graphiql-query-editor .native-edit-context',
    );
    if (!input) return;
    observer.disconnect();
    input.focus();
  });
  observer.observe(page, { childList: true, subtree: true });
}

const root = document.getElementById('graphiql');
if (root) {
  const headers = JSON.stringify({ authorization: `Bearer ${token ?? '<a token: npm run token>'}` }, null, 2);
  createRoot(root).render(
    <GraphiQL
      fetcher={fetcher}
      defaultQuery={WELCOME}
      initialHeaders={headers}
      defaultHeaders={headers}
      defaultEditorToolsVisibility="headers"
      shouldPersistHeaders={false}
    />,
  );
  focusEditor(root);
}
