/** Delivery under load: many writers, conversations and subscribers, nothing missing and nothing twice. */
import { SIZE } from '../faults/settings.ts';
import { eventually } from '../support/eventually.ts';
import { type Nodes, type Setting, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const MESSAGES = SIZE.messages;
const WRITERS = 20;
const CONVERSATIONS = 50;
const SUBSCRIBERS = 50;

const cases: readonly Setting[] = ['embedded', 'two nodes on one Redis'];

describe.each(cases)('%s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MAX_QUEUED_BYTES: '64MiB' });
  });
  afterAll(() => nodes.close());

  it(`G05: ${MESSAGES} messages by ${WRITERS} writers to ${CONVERSATIONS} conversations reach ${SUBSCRIBERS} subscribers complete, in order, once`, async () => {
    const { here, there } = nodes;
    const writers = Array.from({ length: WRITERS }, (_, index) => `w${index}`);
    const readers = Array.from({ length: SUBSCRIBERS }, (_, index) => `r${index}`);
    const ids = Array.from({ length: CONVERSATIONS }, () => newId());
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    for (const [index, id] of ids.entries()) {
      // Each reader is in ten conversations, each conversation has ten readers.
      const members = readers.filter((_, reader) => (reader + index) % 5 === 0);
      await here.query('w0', create, { input: { id, memberIds: [...writers, ...members] } });
    }
    const received = readers.map(() => new Map<string, number[]>());
    const clients = await Promise.all(
      readers.map(async (reader, index) => {
        const client = await (index % 2 ? here : there).connect(reader);
        const own = ids.filter((_, conversation) => (index + conversation) % 5 === 0);
        client.client.subscribe<Data>(
          {
            query: 'subscription ($ids: [ID!]) { messageReceived(conversationIds: $ids) { conversationId sequence } }',
            variables: { ids: own },
          },
          {
            next: ({ data }) => {
              const { conversationId, sequence } = data.messageReceived;
              const heard = received[index]?.get(conversationId) ?? [];
              heard.push(sequence);
              received[index]?.set(conversationId, heard);
            },
            error: () => undefined,
            complete: () => undefined,
          },
        );
        // Answered once the subscription is accepted.
        await client.query('{ __typename }');
        return client;
      }),
    );
    const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { sequence } }';
    const sent = new Map(ids.map((id) => [id, 0]));
    await Promise.all(
      writers.map(async (writer, index) => {
        const client = await (index % 2 ? here : there).connect(writer);
        for (let n = 0; n < MESSAGES / WRITERS; n += 1) {
          const conversationId = ids[(n * 7 + index) % CONVERSATIONS] ?? '';
          await client.query(SEND, { input: { conversationId, content: `${writer} ${n}` } });
          sent.set(conversationId, (sent.get(conversationId) ?? 0) + 1);
        }
        await client.close();
      }),
    );
    expect([...sent.values()].reduce((sum, count) => sum + count, 0)).toBe(MESSAGES);
    const total = (heard: Map<string, number[]>): number =>
      [...heard.values()].reduce((sum, { length }) => sum + length, 0);
    await eventually(() => expect(received.map(total).reduce((a, b) => a + b, 0)).toBe((MESSAGES * SUBSCRIBERS) / 5));
    for (const [index, heard] of received.entries()) {
      const own = ids.filter((_, conversation) => (index + conversation) % 5 === 0);
      expect(heard.size).toBe(own.length);
      for (const id of own) {
        expect(heard.get(id)).toEqual(Array.from({ length: sent.get(id) ?? 0 }, (_, n) => n + 1));
      }
    }
    await Promise.all(clients.map((client) => client.close()));
  });
});
