/** Clients of a test, each closed at its end. */
import type { RealtimeOptions } from '../../client/src/index.ts';
import { createRealtime, type Realtime, type ShownMessage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import type { Data, TestService } from '../support/service.ts';

export interface Clients {
  /** A client of this user, by default with a token of the service's clock. */
  of(userId: string, options?: Partial<RealtimeOptions>): Realtime;
  close(): void;
}

export function clientsOf(service: () => TestService): Clients {
  const open: Realtime[] = [];
  return {
    of(userId, options = {}) {
      const chat = createRealtime({
        url: `${service().url}/graphql`,
        getToken: () => service().token(userId),
        ...options,
      });
      open.push(chat);
      return chat;
    },
    close() {
      for (const chat of open.splice(0)) chat.close();
    },
  };
}

/** Connects and waits until all that was missed has been told. */
export async function live(chat: Realtime): Promise<Realtime> {
  chat.connect();
  await eventually(() => expect(chat.status.value).toBe('live'));
  return chat;
}

/**
 * A class of sockets that records the variables of each mutation of this name. What the service stores does not show how
 * often a message was sent: the service knows it by its key.
 */
export function recordMutations(name: string) {
  const sent: Data[] = [];
  class RecordingSocket extends WebSocket {
    override send(data: string): void {
      if (data.includes(`mutation ${name}(`)) sent.push(JSON.parse(data).payload.variables);
      super.send(data);
    }
  }
  return { webSocket: RecordingSocket, sent };
}

export const contentsOf = (messages: readonly ShownMessage[]): string[] => messages.map(({ content }) => content);

/** Looks at the messages of a conversation, and waits until these are all there are, and sent. */
export async function shows(chat: Realtime, id: string, contents: readonly string[]): Promise<void> {
  const { messages } = chat.conversation(id);
  const stop = messages.subscribe(() => undefined);
  await eventually(() => {
    expect(contentsOf(messages.value.messages)).toEqual(contents);
    expect(messages.value.messages.every(({ status }) => status === 'sent')).toBe(true);
  });
  stop();
}
