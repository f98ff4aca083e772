/** Subscriptions to conversations, typing and presence, in every setting. */
import { TIMES } from '../../src/limits.ts';
import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { LONG_SETTINGS } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';
import { AliceAndBob, ok } from './alice-and-bob.ts';

describe.each(LONG_SETTINGS)('subscriptions: %s', (setting) => {
  const users = new AliceAndBob(setting);

  it('conversationUpdated: name, members, read positions', async () => {
    const id = await users.group('bob');
    const updates = await users.bob.subscribe(
      `subscription ($ids: [ID!]) { conversationUpdated(conversationIds: $ids) {
        name memberCount readReceipts { nodes { user { id } sequence } } } }`,
      { ids: [id] },
    );
    await ok(users.alice.query(`mutation { updateConversation(id: "${id}", name: "New") { id } }`));
    expect((await updates.next()).conversationUpdated).toMatchObject({ name: 'New', memberCount: 2 });
    await ok(users.alice.query(`mutation { addMembers(id: "${id}", userIds: ["carol"]) { id } }`));
    expect((await updates.next()).conversationUpdated).toMatchObject({ memberCount: 3 });
    await users.send(users.alice, id, 'x');
    // Who sends has read.
    expect((await updates.next()).conversationUpdated.readReceipts.nodes).toEqual([
      { user: { id: 'alice' }, sequence: 1 },
    ]);
    await ok(users.bob.query(`mutation { markRead(conversationId: "${id}", sequence: 1) { id } }`));
    expect((await updates.next()).conversationUpdated.readReceipts.nodes).toContainEqual({
      user: { id: 'bob' },
      sequence: 1,
    });
  });

  it('typingIndicator: start, stop and expiry of others, not the caller’s own', async () => {
    const id = await users.group('bob');
    const typing = await users.bob.subscribe(
      `subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { conversationId userId isTyping expiresAt } }`,
      { ids: [id] },
    );
    const set = (client: TestClient, isTyping: boolean): Promise<Data> =>
      ok(client.query(`mutation { setTyping(conversationId: "${id}", isTyping: ${isTyping}) }`));
    await set(users.bob, true);
    expect(await set(users.alice, true)).toEqual({ setTyping: true });
    expect((await typing.next()).typingIndicator).toMatchObject({
      conversationId: id,
      userId: 'alice',
      isTyping: true,
      expiresAt: expect.any(String),
    });
    await set(users.alice, false);
    expect((await typing.next()).typingIndicator).toMatchObject({ isTyping: false, expiresAt: null });
    await set(users.alice, true);
    await typing.next();
    // What was typed has arrived.
    await users.send(users.alice, id, 'done');
    expect((await typing.next()).typingIndicator).toMatchObject({ userId: 'alice', isTyping: false });
    await set(users.alice, true);
    await typing.next();
    users.nodes.clock.advance(TIMES.typingMs);
    expect((await typing.next()).typingIndicator).toMatchObject({ userId: 'alice', isTyping: false });
  });

  it('typingIndicator: a user who leaves stops typing', async () => {
    const name = `carol-${newId()}`;
    const carol = await users.nodes.there.connect(name);
    const id = await users.group('bob', name);
    const typing = await users.alice.subscribe(
      'subscription ($ids: [ID!]) { typingIndicator(conversationIds: $ids) { userId isTyping } }',
      { ids: [id] },
    );
    const begin = (client: TestClient): Promise<Data> =>
      ok(client.query(`mutation { setTyping(conversationId: "${id}", isTyping: true) }`));
    await begin(users.bob);
    expect((await typing.next()).typingIndicator).toEqual({ userId: 'bob', isTyping: true });
    await ok(users.bob.query(`mutation { leaveConversation(id: "${id}") { id } }`));
    await begin(carol);
    expect((await typing.next()).typingIndicator).toEqual({ userId: 'bob', isTyping: false });
    await carol.close();
  });

  it('presenceUpdated: the present state at once, then each change, across devices and nodes', async () => {
    const name = `dora-${newId()}`;
    const WATCH = `subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) {
      userId status statusText lastSeenAt devices { deviceId connectionType } } }`;
    const watch = await users.bob.subscribe(WATCH, { ids: [name] });
    expect((await watch.next()).presenceUpdated).toEqual({
      userId: name,
      status: 'OFFLINE',
      statusText: null,
      lastSeenAt: null,
      devices: [],
    });
    const phone = await users.nodes.here.connect(name, { deviceId: 'phone' });
    expect((await watch.next()).presenceUpdated).toMatchObject({
      status: 'ONLINE',
      devices: [{ deviceId: 'phone', connectionType: 'GRAPHQL_WS' }],
    });
    const laptop = await users.nodes.there.connect(name, { deviceId: 'laptop' });
    expect((await watch.next()).presenceUpdated.devices).toHaveLength(2);
    await ok(phone.query(`mutation { setPresence(status: BUSY, statusText: "Lunch") { status } }`));
    expect((await watch.next()).presenceUpdated).toMatchObject({ status: 'BUSY', statusText: 'Lunch' });
    await laptop.close();
    await phone.close();
    // The grace: a client that comes back within it is never shown as gone.
    const again = await users.nodes.here.connect(name, { deviceId: 'phone' });
    await eventually(() => {
      users.nodes.clock.advance(1_000);
      expect(watch.events.at(-1)?.presenceUpdated).toMatchObject({ status: 'BUSY', devices: [{ deviceId: 'phone' }] });
      expect(watch.events.at(-1)?.presenceUpdated.devices).toHaveLength(1);
    });
    await again.close();
    await eventually(() => {
      users.nodes.clock.advance(1_000);
      expect(watch.events.at(-1)?.presenceUpdated).toMatchObject({ status: 'OFFLINE', devices: [] });
    });
    expect(watch.events.filter((event) => event.presenceUpdated.status === 'OFFLINE')).toHaveLength(2);
  });
});
