/** Each frame of the raw protocol, on one node and between two, beside GraphQL clients. */
import { eventually } from '../../support/eventually.ts';
import { type Nodes, SETTINGS, startNodes } from '../../support/nodes.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { newId } from '../../support/service.ts';

describe.each(SETTINGS)('raw frames, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  it('Status has the connected user and the client timeout', async () => {
    const client = await connectRaw(nodes.here, 'alice');
    expect(client.frames[0]).toEqual({
      type: 'Status',
      data: {
        status: 'connected',
        connection_id: expect.any(String),
        user_id: 'alice',
        session_id: 'alice',
        server_time: expect.stringMatching(/^\d{4}-.*Z$/),
        heartbeat_interval_ms: 30_000,
        resumed: false,
      },
    });
    expect(await client.ask('Ping', {})).toMatchObject({ type: 'Pong' });
    // Null is absent, like everywhere.
    client.send({ type: 'Ping', id: null });
    await eventually(() => expect(client.frames[2]).toEqual({ type: 'Pong', data: {} }));
    await client.close();
  });

  it('topics: received by raw and GraphQL clients alike, until unsubscribed', async () => {
    const { here, there } = nodes;
    const topic = `news/${newId()}`;
    const bob = await connectRaw(there, 'bob');
    const carol = await there.connect('carol');
    const listening = await carol.subscribe(
      `subscription { topicPublished(topics: ["${topic}"]) { id payload senderId } }`,
    );
    expect(await bob.ask('Subscribe', { topics: [topic, topic] })).toMatchObject({
      type: 'Status',
      data: { status: 'subscribed', topics: [topic] },
    });
    const alice = await connectRaw(here, 'alice');
    const answer = await alice.ask('Broadcast', { topic, payload: { n: 1 } });
    expect(answer.data).toEqual({ status: 'published', message_id: expect.any(String) });
    const broadcast = {
      topic,
      payload: { n: 1 },
      sender_id: 'alice',
      message_id: answer.data.message_id,
      timestamp: expect.stringMatching(/Z$/),
    };
    expect(await bob.received('Broadcast', 1)).toEqual([broadcast]);
    expect(await listening.next()).toEqual({
      topicPublished: { id: answer.data.message_id, payload: { n: 1 }, senderId: 'alice' },
    });
    await here.query('dora', `mutation { publish(topic: "${topic}", payload: "two") { id } }`);
    expect((await bob.received('Broadcast', 2))[1]).toMatchObject({ payload: 'two', sender_id: 'dora' });
    expect((await bob.ask('Unsubscribe', { topics: [topic] })).data.status).toBe('unsubscribed');
    await alice.ask('Broadcast', { topic, payload: 3 });
    await listening.count(3);
    expect((await bob.ask('Ping')).type).toBe('Pong');
    expect(bob.of('Broadcast')).toHaveLength(2);
    await Promise.all([alice.close(), bob.close(), carol.close()]);
  });

  it('direct messages: to the target and the sender’s other sockets, as messages of the direct conversation', async () => {
    const { here, there } = nodes;
    const [alice, bob] = [newId(), newId()];
    const [sender, other, target] = [
      await connectRaw(here, alice),
      await connectRaw(there, alice),
      await connectRaw(there, bob),
    ];
    const watching = await there.connect(bob);
    const listening = await watching.subscribe('subscription { messageReceived { id payload content senderId } }');
    const answer = await sender.ask('DirectMessage', { target_user: bob, payload: { text: 'Hi' } });
    expect(answer).toMatchObject({ type: 'Status', data: { status: 'sent', sequence: 1 } });
    const message = {
      sender_id: alice,
      target_user: bob,
      payload: { text: 'Hi' },
      content: '',
      message_id: answer.data.message_id,
      conversation_id: answer.data.conversation_id,
      sequence: 1,
      position: expect.any(String),
      timestamp: expect.stringMatching(/Z$/),
    };
    expect(await target.received('DirectMessage', 1)).toEqual([message]);
    expect(await other.received('DirectMessage', 1)).toEqual([message]);
    expect(await listening.next()).toEqual({
      messageReceived: { id: message.message_id, payload: { text: 'Hi' }, content: '', senderId: alice },
    });
    await there.query(bob, `mutation { sendDirectMessage(userId: "${alice}", content: "Hello") { id } }`);
    expect(await sender.received('DirectMessage', 1)).toMatchObject([
      { sender_id: bob, target_user: alice, payload: 'Hello', content: 'Hello', sequence: 2 },
    ]);
    await sender.ask('DirectMessage', { target_user: bob, payload: 'text', client_message_id: 'one' });
    const again = await sender.ask('DirectMessage', { target_user: bob, payload: 'text', client_message_id: 'one' });
    expect(again.data.sequence).toBe(3);
    expect((await target.received('DirectMessage', 3))[2]).toMatchObject({ payload: 'text', content: 'text' });
    await other.received('DirectMessage', 3);
    expect(sender.of('DirectMessage')).toHaveLength(1);
    expect(target.of('DirectMessage')).toHaveLength(3);
    await Promise.all([sender.close(), other.close(), target.close(), watching.close()]);
  });

  it('rooms: created, joined, written in and left, by raw and GraphQL clients', async () => {
    const { here, there } = nodes;
    const room = newId();
    const [alice, bob] = [await connectRaw(here, 'alice'), await connectRaw(there, 'bob')];
    expect((await alice.ask('CreateRoom', { room, name: 'Hall' })).data).toEqual({
      status: 'joined',
      room,
      members: ['alice'],
    });
    expect((await bob.ask('JoinRoom', { room })).data).toEqual({ status: 'joined', room, members: ['alice', 'bob'] });
    const { data } = await there.query('carol', `mutation { joinConversation(id: "${room}") { kind name } }`);
    expect(data.joinConversation).toEqual({ kind: 'ROOM', name: 'Hall' });
    const carol = await there.connect('carol');
    const listening = await carol.subscribe(
      `subscription { messageReceived(conversationIds: ["${room}"]) { payload sequence } }`,
    );
    const answer = await alice.ask('RoomMessage', { room, payload: { a: 1 } });
    expect(answer.data).toMatchObject({ status: 'sent', conversation_id: room, sequence: 1 });
    const expected = { room, sender_id: 'alice', payload: { a: 1 }, message_id: answer.data.message_id, sequence: 1 };
    expect(await bob.received('RoomMessage', 1)).toMatchObject([expected]);
    expect(await alice.received('RoomMessage', 1)).toMatchObject([expected]);
    expect(await listening.next()).toEqual({ messageReceived: { payload: { a: 1 }, sequence: 1 } });
    expect((await bob.ask('LeaveRoom', { room })).data).toEqual({ status: 'left', room, members: ['alice', 'carol'] });
    await carol.query(`mutation { sendMessage(input: {conversationId: "${room}", content: "last"}) { id } }`);
    expect((await alice.received('RoomMessage', 2))[1]).toMatchObject({ payload: 'last', content: 'last' });
    expect((await bob.ask('RoomMessage', { room, payload: 1 })).data.code).toBe('NOT_FOUND');
    expect(bob.of('RoomMessage')).toHaveLength(1);
    await Promise.all([alice.close(), bob.close(), carol.close()]);
  });

  it('a frame accepts every argument of its mutation', async () => {
    const { here, there } = nodes;
    const [room, ann, ben] = [newId(), newId(), newId()];
    const [alice, bob] = [await connectRaw(here, ann), await connectRaw(there, ben)];
    expect((await alice.ask('CreateRoom', { room, member_ids: [ben] })).data.members).toEqual([ann, ben]);
    const first = await alice.ask('RoomMessage', { room, content: 'Both', payload: { a: 1 } });
    expect(await bob.received('RoomMessage', 1)).toMatchObject([{ content: 'Both', payload: { a: 1 } }]);
    const reply_to_id = first.data.message_id;
    const { data } = await bob.ask('RoomMessage', { room, content: 'Text', reply_to_id });
    expect(data).toMatchObject({ status: 'sent' });
    const query = `{ message(id: "${data.message_id}") { content payload replyTo { id } } }`;
    expect((await there.query(ann, query)).data.message).toEqual({
      content: 'Text',
      payload: null,
      replyTo: { id: reply_to_id },
    });
    await alice.ask('DirectMessage', { target_user: ben, content: 'Both', payload: 'other' });
    expect(await bob.received('DirectMessage', 1)).toMatchObject([{ content: 'Both', payload: 'other' }]);
    const presence = await alice.ask('Presence', { status: 'AWAY', status_text: 'Lunch' });
    expect(presence.data).toMatchObject({ status: 'AWAY', status_text: 'Lunch' });
    await Promise.all([alice.close(), bob.close()]);
  });

  it('errors name fields as in the frame', async () => {
    const alice = await connectRaw(nodes.here, 'alice');
    const wrong: readonly (readonly [type: string, data: object, field: string])[] = [
      ['Typing', { conversation_id: 'a b', is_typing: true }, 'conversation_id'],
      ['RoomMessage', { room: 'a b', payload: 1 }, 'room'],
      ['RoomMessage', { room: 'x', payload: 1, reply_to_id: 'a b' }, 'reply_to_id'],
      ['DirectMessage', { target_user: 'a b', payload: 1 }, 'target_user'],
      ['DirectMessage', { target_user: 'bob', payload: 1, client_message_id: 'a b' }, 'client_message_id'],
      ['JoinRoom', { room: 'a b' }, 'room'],
      ['Broadcast', { topic: 'a', payload: 1, idempotency_key: 'a b' }, 'idempotency_key'],
    ];
    for (const [type, data, field] of wrong) {
      const { data: answer } = await alice.ask(type, data);
      expect([type, answer.code, answer.message.split(':')[0]]).toEqual([type, 'BAD_USER_INPUT', field]);
    }
    await alice.close();
  });

  it('RoomMessage to a direct conversation is refused', async () => {
    const alice = await connectRaw(nodes.here, 'alice');
    const sent = await alice.ask('DirectMessage', { target_user: `bob-${newId()}`, payload: 'x' });
    const { conversation_id: room } = sent.data;
    expect(room).toMatch(/^direct:/);
    expect((await alice.ask('RoomMessage', { room, payload: 'x' })).data.code).toBe('NOT_FOUND');
    await alice.close();
  });

  it('typing and presence', async () => {
    const { here, there } = nodes;
    const [ann, ben] = [newId(), newId()];
    const bob = await connectRaw(there, ben);
    const alice = await connectRaw(here, ann);
    const { data } = await alice.ask('DirectMessage', { target_user: ben, payload: 'Hi' });
    const conversation_id = data.conversation_id;
    await bob.received('DirectMessage', 1);
    await alice.ask('Typing', { conversation_id, is_typing: true });
    await alice.ask('Typing', { conversation_id, is_typing: false });
    expect(await bob.received('Typing', 2)).toMatchObject([
      { conversation_id, user_id: ann, is_typing: true },
      { conversation_id, user_id: ann, is_typing: false, expires_at: null },
    ]);
    expect(alice.of('Typing')).toEqual([]);
    expect((await bob.ask('Presence', { watch: [ann, 'nobody'] })).data.status).toBe('watching');
    const seen = await bob.received('Presence', 2);
    expect(seen.find((each) => each.user_id === 'nobody')).toMatchObject({ status: 'OFFLINE', devices: [] });
    expect(seen.find((each) => each.user_id === ann)).toMatchObject({
      status: 'ONLINE',
      devices: [{ connection_type: 'WEBSOCKET' }],
    });
    expect(await alice.ask('Presence', { status: 'busy' })).toMatchObject({
      type: 'Presence',
      data: { user_id: ann, status: 'BUSY' },
    });
    await eventually(() => expect(bob.of('Presence').at(-1)).toMatchObject({ user_id: ann, status: 'BUSY' }));
    await Promise.all([alice.close(), bob.close()]);
  });
});
