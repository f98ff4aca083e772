/** Relay's own environment: queries, mutations, and a subscription that resumes over a restart. */
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import { commitMutation, fetchQuery, requestSubscription } from 'relay-runtime';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.ts';
import { type Carrier, relayEnvironment } from '../support/recipes.ts';
import { RECEIVED, SEND, VIEWER } from '../support/relay-requests.ts';
import { carriedBy, type Restart, startRestart } from '../support/restart.ts';
import { type Data, newId } from '../support/service.ts';

interface Closable extends Carrier {
  dispose(): void | Promise<void>;
}

const CARRIERS: Readonly<Record<string, (url: string, token: string) => Closable>> = {
  'graphql-ws': (url, token) =>
    createWsClient({
      url: url.replace('http', 'ws'),
      webSocketImpl: WebSocket,
      connectionParams: { token },
      shouldRetry: () => true,
    }) as unknown as Closable,
  'graphql-sse': (url, token) =>
    createSseClient({ url, headers: { authorization: `Bearer ${token}` } }) as unknown as Closable,
};

describe('Relay', () => {
  let nodes: Restart;
  beforeEach(async () => {
    nodes = await startRestart();
  });
  afterEach(() => nodes.close());

  it.each(Object.entries(CARRIERS))('on %s: nothing is missed over a restart', async (_, createCarrier) => {
    const { old, next, url } = nodes;
    const id = newId();
    await next.query('bob', `mutation { createConversation(input: {id: "${id}"}) { id position } }`);
    const { data } = await next.query('bob', `{ conversation(id: "${id}") { position } }`);
    const token = await old.token('bob');
    const carrier = createCarrier(url, token);
    const environment = relayEnvironment(url, async () => ({ authorization: `Bearer ${token}` }), carrier);
    expect(await fetchQuery(environment, VIEWER, {}).toPromise()).toEqual({ viewer: { id: 'bob' } });

    const heard: Data[] = [];
    const faults: unknown[] = [];
    const subscription = requestSubscription(environment, {
      subscription: RECEIVED,
      variables: { ids: [id], after: [data.conversation.position] },
      onNext: (event: Data) => void (event?.messageReceived && heard.push(event.messageReceived)),
      onError: (error) => void faults.push(error),
    });
    await eventually(async () => expect(await carriedBy(old)).toBe(1));
    const input = { conversationId: id, content: 'one' };
    await new Promise((onCompleted, onError) =>
      commitMutation(environment, { mutation: SEND, variables: { input }, onCompleted, onError }),
    );
    await eventually(() => expect(heard.map(({ content }) => content)).toEqual(['one']));

    await nodes.restart();
    for (const content of ['two', 'three']) {
      await next.query(
        'bob',
        `mutation { sendMessage(input: {conversationId: "${id}", content: "${content}"}) { id } }`,
      );
    }
    await eventually(() => expect(heard.map(({ content }) => content)).toEqual(['one', 'two', 'three']));
    expect(faults).toEqual([]);
    // What is shown comes from the store, whatever brought it.
    const records = environment.getStore().getSource();
    expect(heard.map((message) => records.get(message.id)?.['content'])).toEqual(['one', 'two', 'three']);
    subscription.dispose();
    await eventually(async () => expect(await carriedBy(next)).toBe(0));
    await carrier.dispose();
  });
});
