/** A page that hydrates what a server rendered, or renders by itself. Its parameters are in its address. */
import { createElement as h } from 'react';
import { createRoot, hydrateRoot } from 'react-dom/client';
import { createRealtime } from '../../client/src/index.ts';
import { App } from './react-app.ts';

interface Page {
  readonly location: { readonly search: string };
  readonly document: { getElementById(id: string): Element & { textContent: string } };
  sockets: number;
  /** What React had to repair or warned about. */
  faults: string[];
  unmount(): void;
}
const page = globalThis as unknown as Page;
page.sockets = 0;
page.faults = [];

class Counted extends WebSocket {
  constructor(url: string, protocols: string) {
    super(url, protocols);
    page.sockets += 1;
  }
}

const given = new URLSearchParams(page.location.search);
const chat = createRealtime({
  url: given.get('url') ?? '',
  getToken: () => given.get('token') ?? '',
  webSocket: Counted,
});
console.error = (...parts: unknown[]) => void page.faults.push(parts.map(String).join(' '));

const root = page.document.getElementById('root');
const app = h(App, { chat, id: given.get('conversation') ?? '' });
const onRecoverableError = (error: unknown): void => void page.faults.push(String(error));
if (given.get('late') !== null) {
  // The page has used the client before React takes over.
  chat.conversation(given.get('conversation') ?? '').messages.subscribe(() => undefined);
  await new Promise<void>((resolve) => {
    const look = (): void => {
      const { messages } = chat.conversation(given.get('conversation') ?? '').messages.value;
      if (chat.status.value === 'live' && messages.length > 0) resolve();
    };
    chat.conversation(given.get('conversation') ?? '').messages.subscribe(look);
    chat.status.subscribe(look);
  });
}
if (root.textContent === '') {
  const rendered = createRoot(root, { onRecoverableError });
  rendered.render(app);
  page.unmount = () => rendered.unmount();
} else {
  const hydrated = hydrateRoot(root, app, { onRecoverableError });
  page.unmount = () => hydrated.unmount();
}
