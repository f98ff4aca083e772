/** How the messages of the outbox are sent. */
import { SEND } from './documents.ts';
import type { Request } from './pages.ts';
import type { Store } from './store/store.ts';
import type { Message } from './types.ts';

/** The store takes the answer, unless a newer state of the message arrived meanwhile. */
export const sendingTo =
  (store: Store, request: Request) =>
  (input: object): Promise<void> =>
    store.readings.during(
      () => request<{ sendMessage: Message | null }>(SEND, { input }),
      ({ sendMessage }, reading) => {
        if (sendMessage) store.answered(sendMessage, reading);
      },
    );
