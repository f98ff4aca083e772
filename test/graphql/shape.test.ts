/** One rendering serves all equal subscriptions, and never shows what another viewer may not see. */
import type { TestClient, TestSubscription } from '../support/client.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

describe('shared rendering', () => {
  let service: TestService;
  let alice: TestClient;
  let bob: TestClient;
  let group: string;
  beforeEach(async () => {
    service = await startTestService();
    alice = await service.connect('alice');
    bob = await service.connect('bob');
    group = await createGroup('bob');
  });
  afterEach(async () => {
    await alice.close();
    await bob.close();
    await service.close();
  });

  async function createGroup(...memberIds: string[]): Promise<string> {
    const id = newId();
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    await alice.query(create, { input: { id, memberIds } });
    return id;
  }
  const send = async (conversationId: string, content: string): Promise<string> => {
    const query = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    return (await alice.query(query, { input: { conversationId, content } })).data.sendMessage.id;
  };
  const received = (fields: string): string =>
    `subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { ${fields} } }`;
  async function renders(audience: string): Promise<number> {
    const text = await (await fetch(`${service.url}/metrics`)).text();
    return Number(new RegExp(`^realtime_renders_total\\{audience="${audience}"\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  }
  const messages = async (subscription: TestSubscription, count: number): Promise<Data[]> =>
    (await subscription.count(count)).map((event) => event.messageReceived);

  it('renders an event once for all subscriptions with the same selection, whatever their lists of ids', async () => {
    const other = await createGroup('bob');
    const query = received('id content user { id status } conversation { name }');
    const subscriptions = [
      await alice.subscribe(query, { ids: [group] }),
      await alice.subscribe(query, { ids: [group, other] }),
      await bob.subscribe(query, { ids: [other, group] }),
      await bob.subscribe(query),
    ];
    for (let n = 0; n < 10; n += 1) await send(group, `${n}`);
    for (const subscription of subscriptions) {
      const contents = (await messages(subscription, 10)).map(({ content }) => content);
      expect(contents).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`));
    }
    // `bob.subscribe(query)` gives no variables at all, but the variable only chooses events: the shape is the same.
    expect([await renders('shared'), await renders('viewer')]).toEqual([10, 0]);
  });

  it('variables used in the selection make another shape', async () => {
    const query = `subscription ($ids: [ID!], $with: Boolean!) {
      messageReceived(conversationIds: $ids) { content senderId @include(if: $with) } }`;
    const withSender = await alice.subscribe(query, { ids: [group], with: true });
    const without = await bob.subscribe(query, { ids: [group], with: false });
    await send(group, 'x');
    expect(await messages(withSender, 1)).toEqual([{ content: 'x', senderId: 'alice' }]);
    expect(await messages(without, 1)).toEqual([{ content: 'x' }]);
  });

  it('G09: tenants never share a shape', async () => {
    const query = received('content');
    const elsewhere = await service.connect('alice', { tenant: 'other' });
    await elsewhere.query(`mutation { createConversation(input: { id: "${group}" }) { id } }`);
    const there = await elsewhere.subscribe(query, { ids: [group] });
    const here = await bob.subscribe(query, { ids: [group] });
    await send(group, 'ours');
    await elsewhere.query(`mutation { sendMessage(input: { conversationId: "${group}", content: "theirs" }) { id } }`);
    expect(await messages(here, 1)).toEqual([{ content: 'ours' }]);
    expect(await messages(there, 1)).toEqual([{ content: 'theirs' }]);
    expect(await renders('shared')).toBe(2);
    await elsewhere.close();
  });

  it('a field that depends on the viewer, behind a loader, is rendered for each viewer', async () => {
    const query = received('content conversation { viewerRole unreadMessageCount }');
    const [hers, his] = [await alice.subscribe(query, { ids: [group] }), await bob.subscribe(query, { ids: [group] })];
    await send(group, 'x');
    expect(await messages(hers, 1)).toEqual([
      { content: 'x', conversation: { viewerRole: 'OWNER', unreadMessageCount: 0 } },
    ]);
    expect(await messages(his, 1)).toEqual([
      { content: 'x', conversation: { viewerRole: 'MEMBER', unreadMessageCount: 1 } },
    ]);
    await send(group, 'y');
    await messages(hers, 2);
    await messages(his, 2);
    // The first event tripped the shape; the second was not even tried for all.
    expect([await renders('shared'), await renders('viewer')]).toEqual([1, 4]);
  });

  it('a shape that depends on the viewer in one event only, deep in a list, leaks nothing', async () => {
    const query = `subscription ($ids: [ID!]) { messageUpdated(conversationIds: $ids) {
      content reactions { emoji viewerReacted } } }`;
    const [hers, his] = [await alice.subscribe(query, { ids: [group] }), await bob.subscribe(query, { ids: [group] })];
    const id = await send(group, 'x');
    for (let n = 0; n < 50; n += 1) await alice.query(`mutation { editMessage(id: "${id}", content: "${n}") { id } }`);
    await alice.query(`mutation { addReaction(messageId: "${id}", emoji: ":+1:") { id } }`);
    const last = async (subscription: TestSubscription): Promise<Data> =>
      (await subscription.count(51))[50].messageUpdated;
    expect((await last(hers)).reactions).toEqual([{ emoji: ':+1:', viewerReacted: true }]);
    expect((await last(his)).reactions).toEqual([{ emoji: ':+1:', viewerReacted: false }]);
    expect([await renders('shared'), await renders('viewer')]).toEqual([51, 2]);
  });

  it('an error that depends on the viewer goes to that viewer only', async () => {
    const query = received('content user { id conversations { id } }');
    const [hers, his] = [await alice.subscribe(query, { ids: [group] }), await bob.subscribe(query, { ids: [group] })];
    await send(group, 'x');
    expect((await messages(hers, 1))[0].user.conversations).toEqual([{ id: group }]);
    expect((await messages(his, 1))[0]).toEqual({ content: 'x', user: { id: 'alice', conversations: null } });
    expect(his.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
  });

  it('G05: keeps the order of events when one render takes longer than the next', async () => {
    // The first event of a conversation must read the reply; the second has nothing to wait for.
    const query = received('sequence replyTo { content } user { status }');
    const subscription = await bob.subscribe(query, { ids: [group] });
    const first = await send(group, 'first');
    const reply = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        alice.query(reply, {
          input: { conversationId: group, content: `${n}`, ...(n % 2 ? {} : { replyToId: first }) },
        }),
      ),
    );
    const sequences = (await messages(subscription, 41)).map(({ sequence }) => sequence);
    expect(sequences).toEqual(Array.from({ length: 41 }, (_, n) => n + 1));
  });
});
