/** A page of the trial: a client with IndexedDB, all rooms open, and the commands of the test. */
import { createRealtime } from '../../client/src/index.ts';
import { indexedDbStorage } from '../../client/src/storage/index.ts';

/** What the test gives to the page. */
export interface Given {
  readonly location: { readonly search: string };
  /** A token of this page's user. */
  tokenOf(): Promise<string>;
  /** Its keys are the texts that were kept: by the outbox, or by the service. */
  readonly localStorage: { setItem(key: string, value: string): void };
  trial: TrialPage;
}

export interface ShownRoom {
  readonly id: string;
  readonly unread: number | undefined;
  /** Sequence, sender and content of each message. */
  readonly messages: readonly (readonly [sequence: number | null, senderId: string, content: string])[];
}

export interface TrialPage {
  /** Resolves when all of them are kept. */
  write(texts: readonly { readonly room: string; readonly text: string }[]): Promise<void>;
  read(room: string): void;
  now(): { readonly status: string; readonly unsent: number };
  /** Why, of each message that the service refused, and what the stream told and should not have. */
  failed(): readonly unknown[];
  /** Loads all that there is. */
  shown(): Promise<{
    readonly unread: number;
    readonly order: readonly string[];
    readonly rooms: readonly ShownRoom[];
  }>;
}

const page = globalThis as unknown as Given;
const given = new URLSearchParams(page.location.search);
const rooms = (given.get('rooms') ?? '').split(',');
const chat = createRealtime({
  url: given.get('url') ?? '',
  getToken: () => page.tokenOf(),
  storage: indexedDbStorage(),
});
for (const id of rooms) chat.conversation(id).messages.subscribe(() => undefined);

page.trial = {
  async write(texts) {
    for (const { room, text } of texts) {
      await chat.conversation(room).send(text);
      page.localStorage.setItem(text, '');
    }
  },
  read: (room) => chat.conversation(room).markRead(),
  now: () => ({ status: chat.status.value, unsent: chat.unsent }),
  failed: () =>
    rooms.flatMap((id) =>
      chat
        .conversation(id)
        .messages.value.messages.flatMap((message) => (message.status === 'failed' ? [message.error] : [])),
    ),
  async shown() {
    for (const id of rooms) {
      const room = chat.conversation(id);
      while (room.messages.value.hasOlder) await room.loadOlder();
    }
    return {
      unread: chat.inbox.unread,
      order: chat.inbox.entries.map(({ conversation }) => conversation.id),
      rooms: rooms.map((id) => {
        const room = chat.conversation(id);
        const messages = room.messages.value.messages.map(
          ({ sequence, senderId, content }) => [sequence, senderId, content] as const,
        );
        return { id, unread: room.entry.value?.unread, messages };
      }),
    };
  },
};
