/** Hive Gateway itself, as examples/gateway runs it, in front of this service and the users subgraph. */
import { eventually } from '../support/eventually.ts';
import { type Gateway, MODES, placeForGateway, startGateway } from '../support/gateway.ts';
import { openStream, type RawStream } from '../support/http-stream.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { type SlicingProxy, startSlicingProxy } from '../support/slicing-proxy.ts';

/** The data of the events so far. */
function eventsOf(stream: RawStream): Data[] {
  const data = stream.text.split('\n').filter((line) => line.startsWith('data: {'));
  return data.map((line) => JSON.parse(line.slice('data: '.length)).data);
}

const ME = '{ user(id: "alice") { id name email status conversations { id name lastActivityAt unreadMessageCount } } }';
const CREATE =
  'mutation ($id: ID!) { createConversation(input: { id: $id, name: "Demo", memberIds: ["bob"] }) { id } }';

describe.each(MODES)('behind Hive Gateway, subscribing by %s', (mode) => {
  let service: TestService;
  let network: SlicingProxy;
  let gateway: Gateway;
  let alice: string;
  let bob: string;
  let id: string;

  beforeAll(async () => {
    const place = await placeForGateway();
    service = await startTestService({ env: { CALLBACK_ALLOWED_URLS: `${place.url}/callback` } });
    network = await startSlicingProxy(service.url);
    gateway = await startGateway(place, network.url, { SUBSCRIPTION_MODE: mode });
    alice = await service.token('alice');
    bob = await service.token('bob');
  });
  afterAll(async () => {
    await gateway.close();
    await network.close();
    await service.close();
  });
  beforeEach(async () => {
    id = newId();
    await gateway.query(alice, CREATE, { id });
  });
  /** As `curl` asks, which accepts anything. */
  const subscribe = async (token: string, field: string): Promise<RawStream> => {
    const before = await subscriptions();
    const stream = await openStream(gateway, token, { query: `subscription { ${field} }` }, { accept: '*/*' });
    await eventually(async () => expect(await subscriptions()).toBe(before + 1));
    return stream;
  };
  const subscriptions = async (): Promise<number> => {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return [...text.matchAll(/^realtime_subscriptions\{.*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
  };

  it('streams messages, presence and typing with the users of the other subgraph, for Accept */*', async () => {
    const messages = await subscribe(alice, `messageReceived(conversationIds: ["${id}"]) { content user { id name } }`);
    const presence = await subscribe(alice, 'presenceUpdated(userIds: ["bob"]) { status user { id name } }');
    const typing = await subscribe(alice, `typingIndicator(conversationIds: ["${id}"]) { isTyping user { id name } }`);
    expect(messages.headers.get('content-type')).toBe('text/event-stream');
    await gateway.query(
      bob,
      `mutation ($id: ID!) {
        setTyping(conversationId: $id, isTyping: true)
        sendMessage(input: { conversationId: $id, content: "Grüße 👋" }) { id }
        setPresence(status: BUSY) { status }
      }`,
      { id },
    );
    const user = { id: 'bob', name: 'Bob Brown' };
    await eventually(() => {
      expect(eventsOf(messages)).toEqual([{ messageReceived: { content: 'Grüße 👋', user } }]);
      expect(eventsOf(typing)[0]).toEqual({ typingIndicator: { isTyping: true, user } });
      expect(eventsOf(presence).at(-1)).toEqual({ presenceUpdated: { status: 'BUSY', user } });
    });
    for (const stream of [messages, presence, typing]) stream.stop();
    await eventually(async () => expect(await subscriptions()).toBe(0));
  });

  it('carries multi-byte characters intact, wherever the network splits them', async () => {
    const stream = await subscribe(alice, `messageReceived(conversationIds: ["${id}"]) { content }`);
    const content = '👋'.repeat(100);
    await gateway.query(alice, 'mutation ($i: SendMessageInput!) { sendMessage(input: $i) { id } }', {
      i: { conversationId: id, content },
    });
    await eventually(() => expect(eventsOf(stream)).toEqual([{ messageReceived: { content } }]));
    stream.stop();
    await eventually(async () => expect(await subscriptions()).toBe(0));
  });

  it('answers a query from both subgraphs', async () => {
    await gateway.query(
      bob,
      'mutation ($id: ID!) { sendMessage(input: { conversationId: $id, content: "x" }) { id } }',
      {
        id,
      },
    );
    const { data } = await gateway.query(alice, ME);
    expect(data.user).toMatchObject({
      id: 'alice',
      name: 'Alice Arnold',
      email: 'alice@example.com',
      status: expect.stringMatching(/ONLINE|OFFLINE/),
      conversations: expect.arrayContaining([
        { id, name: 'Demo', lastActivityAt: expect.any(String), unreadMessageCount: 1 },
      ]),
    });
  });

  it('ends a subscription without a token, and one that is refused', async () => {
    const field = `messageReceived(conversationIds: ["${id}"]) { content }`;
    for (const token of [null, await service.token('mallory')]) {
      const stream = await openStream(gateway, token, { query: `subscription { ${field} }` }, { accept: '*/*' });
      await eventually(() => expect(stream.end).not.toBeNull());
      expect(stream.text).toContain('"errors"');
    }
  });
});
