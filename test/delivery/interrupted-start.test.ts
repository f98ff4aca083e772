/** A stream over all conversations that opens just after an interruption, as those of reconnecting clients do. */
import { Redis } from 'ioredis';
import { eventually } from '../support/eventually.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { newId } from '../support/service.ts';

const HISTORY = 20;
const ROUNDS = 20;

describe('G06: a stream over all conversations that opens while the bus is cut', () => {
  let nodes: Nodes;
  let admin: Redis;
  beforeAll(async () => {
    nodes = await startNodes('redis');
    admin = new Redis(nodes.redisUrl);
  });
  afterAll(async () => {
    admin.disconnect();
    await nodes.close();
  });

  const ok = async (query: string, variables: object = {}) => {
    const { data, errors } = await nodes.here.query('alice', query, variables);
    if (errors) throw new Error(JSON.stringify(errors));
    return data;
  };
  async function historyOf(member: string) {
    const id = newId();
    await ok('mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }', {
      input: { id, memberIds: [member] },
    });
    for (let n = 0; n < HISTORY; n += 1) await send(id, `old ${n}`);
    return id;
  }
  async function send(conversationId: string, content: string) {
    const mutation = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id position } }';
    return (await ok(mutation, { input: { conversationId, content } })).sendMessage;
  }
  const cut = () => admin.call('CLIENT', 'KILL', 'TYPE', 'PUBSUB');

  it('delivers each message past its position once, and none before it', async () => {
    const user = newId();
    const id = await historyOf(user);
    const client = await nodes.here.connect(user);
    for (let round = 0; round < ROUNDS; round += 1) {
      const { position } = await send(id, `last ${round}`);
      await cut();
      const query = 'subscription ($after: [ID!]) { messageReceived(after: $after) { content } }';
      const stream = await client.subscribe(query, { after: [position] });
      if (stream.errors.length > 0) {
        // The bus was away for longer than a stream waits for it: the client comes back.
        expect(stream.errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
        continue;
      }
      await send(id, `new ${round}`);
      await eventually(() => expect(stream.events.at(-1)?.messageReceived.content).toBe(`new ${round}`));
      expect(stream.events.map(({ messageReceived }) => messageReceived.content)).toEqual([`new ${round}`]);
      stream.stop();
    }
    await client.close();
  });

  it('delivers each change past its position once', async () => {
    const user = newId();
    const id = await historyOf(user);
    const client = await nodes.here.connect(user);
    const { id: messageId, position } = await send(id, 'to be edited');
    const edit = (content: string) =>
      ok('mutation ($id: ID!, $content: String!) { editMessage(id: $id, content: $content) { id } }', {
        id: messageId,
        content,
      });
    const query = 'subscription ($after: [ID!]) { messageUpdated(after: $after) { content position } }';
    let last = position;
    for (let round = 0; round < ROUNDS; round += 1) {
      await cut();
      const stream = await client.subscribe(query, { after: [last] });
      await edit(`edit ${round}`);
      if (stream.errors.length > 0) continue;
      await eventually(() => expect(stream.events.at(-1)?.messageUpdated.content).toBe(`edit ${round}`));
      const heard = stream.events.map(({ messageUpdated }) => messageUpdated);
      expect(new Set(heard.map((each) => each.position)).size).toBe(heard.length);
      expect(heard.length).toBeLessThanOrEqual(round + 1);
      last = heard.at(-1).position;
      stream.stop();
    }
    await client.close();
  });

  it('/ws: a session that reconnects receives nothing twice', async () => {
    const user = newId();
    const id = await historyOf(user);
    await (await connectRaw(nodes.here, user)).close();
    const given: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await cut();
      const client = await connectRaw(nodes.here, user).catch(() => null);
      await send(id, `new ${round}`);
      if (client?.frames[0]?.data.status !== 'connected') continue;
      await eventually(() => expect(client.of('RoomMessage').at(-1)?.payload).toBe(`new ${round}`));
      given.push(...client.of('RoomMessage').map(({ payload }) => payload));
      await client.close();
    }
    const last = await connectRaw(nodes.here, user);
    await last.ask('Ping');
    given.push(...last.of('RoomMessage').map(({ payload }) => payload));
    await last.close();
    expect(given).toEqual(Array.from({ length: ROUNDS }, (_, round) => `new ${round}`));
  });
});
