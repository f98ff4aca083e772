/** What subscriptions tell besides messages: conversations, typing and presence, in every setting. */
import { TIMES } from '../../src/limits.ts';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const SEND = `mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id sequence position } }`;

describe.each(LONG_SETTINGS)('subscriptions: %s', (setting) => {
  let nodes: Nodes;
  let alice: TestClient;
  let bob: TestClient;

  beforeAll(async () => {
    nodes = await startNodes(setting, { PRESENCE_GRACE: '5s' });
    alice = await nodes.here.connect('alice');
    bob = await nodes.there.connect('bob');
  });
  afterAll(async () => {
    await alice.close();
    await bob.close();
    await nodes.close();
  });

  const ok = async (result: Promise<Data>): Promise<Data> => {
    const { data, errors } = await result;
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  async function group(...memberIds: string[]): Promise<string> {
    const id = newId();
    const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
    await ok(alice.query(create, { input: { id, name: 'Team', memberIds } }));
    return id;
  }
  const send = async (client: TestClient, conversationId: string, content: string): Promise<Data> =>
    (await ok(client.query(SEND, { input: { conversationId, content } }))).sendMessage;

  it('conversationUpdated: name, members, read positions', async () => {
    const id = await group('bob');
    const updates = await bob.subscribe(
      `subscription ($ids: [ID!]) { conversationUpdated(conversationIds: $ids) {
        name memberCount readReceipts { nodes { user { id } sequence } } } }`,
      { ids: [id] },
    );
    await ok(alice.query(`mutation { updateConversation(id: "${id}", name: "New") { id } }`));
    expect((await updates.next()).conversationUpdated).toMatchObject({ name: 'New', memberCount: 2 });
    await ok(alice.query(`mutation { addMembers(id: "${id}", userIds: ["carol"]) { id } }`));
    expect((await updates.next()).conversationUpdated).toMatchObject({ memberCount: 3 });
    await send(alice, id, 'x');
    // Who sends has read.
    expect((await updates.next()).conversationUpdated.readReceipts.nodes).toEqual([
      { user: { id: 'alice' }, sequence: 1 },
    ]);
    await ok(bob.query(`mutation { markRead(conversationId: "${id}", sequence: 1) { id } }`));
    expect((await updates.next()).conversationUpdated.readReceipts.nodes).toContainEqual({
      user: { id: 'bob' },
      sequence: 1,
    });
  });

  it('typingIndicator: starts, stops, ends by itself, without the caller’s own', async () => {
    const id = await group('bob');
    const typing = await bob.subscribe(
      `subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { conversationId userId isTyping expiresAt } }`,
      { ids: [id] },
    );
    const set = (client: TestClient, isTyping: boolean): Promise<Data> =>
      ok(client.query(`mutation { setTyping(conversationId: "${id}", isTyping: ${isTyping}) }`));
    await set(bob, true);
    expect(await set(alice, true)).toEqual({ setTyping: true });
    expect((await typing.next()).typingIndicator).toMatchObject({
      conversationId: id,
      userId: 'alice',
      isTyping: true,
      expiresAt: expect.any(String),
    });
    await set(alice, false);
    expect((await typing.next()).typingIndicator).toMatchObject({ isTyping: false, expiresAt: null });
    await set(alice, true);
    await typing.next();
    // What was typed has arrived.
    await send(alice, id, 'done');
    expect((await typing.next()).typingIndicator).toMatchObject({ userId: 'alice', isTyping: false });
    await set(alice, true);
    await typing.next();
    nodes.clock.advance(TIMES.typingMs);
    expect((await typing.next()).typingIndicator).toMatchObject({ userId: 'alice', isTyping: false });
  });

  it('typingIndicator: who leaves does not go on typing', async () => {
    const name = `carol-${newId()}`;
    const carol = await nodes.there.connect(name);
    const id = await group('bob', name);
    const typing = await alice.subscribe(
      'subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { userId isTyping } }',
      { ids: [id] },
    );
    const begin = (client: TestClient): Promise<Data> =>
      ok(client.query(`mutation { setTyping(conversationId: "${id}", isTyping: true) }`));
    await begin(bob);
    expect((await typing.next()).typingIndicator).toEqual({ userId: 'bob', isTyping: true });
    await ok(bob.query(`mutation { leaveConversation(id: "${id}") { id } }`));
    await begin(carol);
    expect((await typing.next()).typingIndicator).toEqual({ userId: 'bob', isTyping: false });
    await carol.close();
  });

  it('presenceUpdated: the present state at once, then each change, over devices and nodes', async () => {
    const name = `dora-${newId()}`;
    const WATCH = `subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) {
      userId status statusText lastSeenAt devices { deviceId connectionType } } }`;
    const watch = await bob.subscribe(WATCH, { ids: [name] });
    expect((await watch.next()).presenceUpdated).toEqual({
      userId: name,
      status: 'OFFLINE',
      statusText: null,
      lastSeenAt: null,
      devices: [],
    });
    const phone = await nodes.here.connect(name, { deviceId: 'phone' });
    expect((await watch.next()).presenceUpdated).toMatchObject({
      status: 'ONLINE',
      devices: [{ deviceId: 'phone', connectionType: 'GRAPHQL_WS' }],
    });
    const laptop = await nodes.there.connect(name, { deviceId: 'laptop' });
    expect((await watch.next()).presenceUpdated.devices).toHaveLength(2);
    await ok(phone.query(`mutation { setPresence(status: BUSY, statusText: "Lunch") { status } }`));
    expect((await watch.next()).presenceUpdated).toMatchObject({ status: 'BUSY', statusText: 'Lunch' });
    await laptop.close();
    await phone.close();
    // The grace: a client that comes back within it is never shown as gone.
    const again = await nodes.here.connect(name, { deviceId: 'phone' });
    await eventually(() => {
      nodes.clock.advance(1_000);
      expect(watch.events.at(-1)?.presenceUpdated).toMatchObject({ status: 'BUSY', devices: [{ deviceId: 'phone' }] });
      expect(watch.events.at(-1)?.presenceUpdated.devices).toHaveLength(1);
    });
    await again.close();
    await eventually(() => {
      nodes.clock.advance(1_000);
      expect(watch.events.at(-1)?.presenceUpdated).toMatchObject({ status: 'OFFLINE', devices: [] });
    });
    expect(watch.events.filter((event) => event.presenceUpdated.status === 'OFFLINE')).toHaveLength(2);
  });
});
