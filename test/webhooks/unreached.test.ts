/** Unreached users: who is reported to push services, when, and who is not. */
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { BOTH_ENGINES, type Nodes, startNodes } from '../support/nodes.ts';
import { type Data, newId } from '../support/service.ts';

const SEND =
  'mutation ($id: ID!, $content: String!) { sendMessage(input: { conversationId: $id, content: $content }) { id sequence } }';
const PULL = `mutation {
  pullEvents(consumer: "push", member: "one", waitMs: 0) { events { id type subject data } ackToken }
}`;

describe.each(BOTH_ENGINES)('unreached users, %s', (setting) => {
  let nodes: Nodes;
  let tenant: string;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  beforeEach(() => {
    tenant = newId();
  });
  afterAll(() => nodes.close());

  async function ask(userId: string, query: string, variables: object = {}, scope?: string): Promise<Data> {
    const { data, errors } = await nodes.here.query(userId, query, variables, { tenant, ...(scope && { scope }) });
    expect(errors).toBeUndefined();
    return data;
  }
  const service = (query: string): Promise<Data> => ask('push', query, {}, 'realtime:service');
  const save = (events: string) =>
    service(`mutation { saveConsumer(input: { name: "push", events: [${events}] }) { name } }`);
  async function createGroup(...memberIds: string[]): Promise<string> {
    const create =
      'mutation ($ids: [ID!]) { createConversation(input: { kind: GROUP, name: "G", memberIds: $ids }) { id } }';
    return (await ask('alice', create, { ids: memberIds })).createConversation.id;
  }
  const send = async (id: string, content: string): Promise<Data> =>
    (await ask('alice', SEND, { id, content })).sendMessage;
  /** What is told once time has passed for it, until there is `count`. */
  async function told(count: number): Promise<Data[]> {
    const events: Data[] = [];
    await eventually(async () => {
      nodes.clock.advance(1_000);
      const { pullEvents } = await service(PULL);
      events.push(...pullEvents.events);
      await service(`mutation { ackEvents(consumer: "push", ackToken: "${pullEvents.ackToken}") }`);
      expect(events.length).toBeGreaterThanOrEqual(count);
    });
    return events;
  }

  it('an absent user who has not read is reported once; who read, muted, is present or sent it is not', async () => {
    await save('USER_UNREACHED');
    const id = await createGroup('bob', 'carol', 'dave', 'erin');
    const mute =
      'mutation ($id: ID!, $until: DateTime) { muteConversation(id: $id, until: $until) { conversation { id } } }';
    await ask('carol', mute, { id, until: new Date(nodes.clock.now() + 24 * 60 * 60_000).toISOString() });
    const dave = await nodes.here.connect('dave', { tenant });
    const { id: messageId, sequence } = await send(id, 'Hello');
    await ask('erin', 'mutation ($id: ID!) { markRead(conversationId: $id, sequence: 1) { id } }', { id });
    const events = await told(1);
    expect(events).toEqual([
      {
        id: expect.any(String),
        type: 'user.unreached',
        subject: id,
        data: { userId: 'bob', conversationId: id, messageId, sequence, senderId: 'alice', content: 'Hello' },
      },
    ]);
    await dave.close();
    await eventually(async () => {
      nodes.clock.advance(1_000);
      const { presence } = await ask('alice', '{ presence(userIds: ["dave"]) { status } }');
      expect(presence).toEqual([{ status: 'OFFLINE' }]);
    });
    // The next is told of those who are away then, in order; nothing of the first comes again.
    await send(id, 'Again');
    const later = await told(3);
    expect(later.map(({ data }) => [data.content, data.userId]).sort()).toEqual([
      ['Again', 'bob'],
      ['Again', 'dave'],
      ['Again', 'erin'],
    ]);
  });

  it('a direct message of a user blocked since is not reported; a group message is', async () => {
    await save('USER_UNREACHED');
    const direct = async (userId: string): Promise<Data> =>
      ask('alice', `mutation { sendDirectMessage(userId: "${userId}", content: "to ${userId}") { id } }`);
    await direct('bob');
    const id = await createGroup('bob');
    await send(id, 'to all');
    await direct('carol');
    await ask('bob', 'mutation { blockUser(userId: "alice") }');
    // The messages are looked at in the order in which they were sent.
    const events = (await told(2)).map(({ data }) => `${data.userId}: ${data.content}`);
    expect(events.sort()).toEqual(['bob: to all', 'carol: to carol']);
  });

  it('unreached users are looked for only if a consumer wants them, and the internal consumer is hidden', async () => {
    await save('USER_UNREACHED');
    const names = async (): Promise<string[]> => {
      const all = await nodes.there.service.engine.readConsumers(tenant as never);
      return all.map(({ name }) => name).sort();
    };
    expect(await names()).toEqual(['$unreached', 'push']);
    expect(await service('{ consumers { name } webhooks { consumer } }')).toEqual({
      consumers: [{ name: 'push' }],
      webhooks: [],
    });
    await save('MESSAGE_SENT');
    expect(await names()).toEqual(['push']);
    await save('MESSAGE_SENT, USER_UNREACHED');
    expect(await names()).toEqual(['$unreached', 'push']);
    const taken = await nodes.here.query(
      'push',
      PULL.replaceAll('"push"', '"$unreached"'),
      {},
      { tenant, scope: 'realtime:service' },
    );
    expect(taken.code).toBe('BAD_USER_INPUT');
    await service('mutation { deleteConsumer(name: "push") }');
    expect(await names()).toEqual([]);
    expect(await nodes.here.service.engine.readWebhooks(tenant as never)).toEqual([]);
    expect(TIMES.unreachedWaitMs).toBeLessThan(TIMES.eventAckMs);
  });
});
