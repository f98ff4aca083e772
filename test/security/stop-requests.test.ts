/** Stop requests for messages that a service streams for a user: who receives them, and what they reveal. */
import type { TestSubscription } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { EVERY_SETTING } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { newId } from '../support/service.ts';
import { type ActingNodes, SERVICE, startActingNodes } from './acting-nodes.ts';

const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
const START = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id } }';
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!) {
  appendToMessage(id: $id, offset: $offset, text: $text) { length stopRequested } }`;
const STOP = 'mutation ($id: ID!) { stopMessage(id: $id) }';

describe.each(EVERY_SETTING)('requests to stop a message that a service streams, %s', (setting) => {
  let nodes: ActingNodes;
  beforeAll(async () => {
    nodes = await startActingNodes(setting);
  });
  afterAll(() => nodes.close());

  const stopIn = async (inbox: TestSubscription): Promise<string> => {
    for (;;) {
      const { message } = (await inbox.next()).inbox;
      if (message) return message.id;
    }
  };

  it('a stop request reaches the writing service once, as a member', async () => {
    const id = await nodes.group('ben', 'helper');
    const helper = await nodes.there.connect('helper', SERVICE);
    const stops = await helper.subscribe('subscription { messageStopped { id via conversation { id } } }');
    const inbox = await helper.subscribe('subscription { inbox { ... on MessageStopRequested { message { id } } } }');
    for (let round = 0; round < 2; round += 1) {
      const { id: messageId } = (await nodes.ask('helper', START, { input: { conversationId: id, onBehalfOf: 'ben' } }))
        .data.startMessage;
      await nodes.asUser('ann', STOP, { id: messageId });
      expect(await stops.next()).toEqual({ messageStopped: { id: messageId, via: 'helper', conversation: { id } } });
      expect(await stopIn(inbox)).toBe(messageId);
      expect((await nodes.ask('helper', APPEND, { id: messageId, offset: 0, text: '' })).data.appendToMessage).toEqual({
        length: 0,
        stopRequested: true,
      });
    }
    await helper.close();
  });

  it('a stop request reaches a writing service that is no member, without the conversation’s contents', async () => {
    const secret = newId();
    const opened = await nodes.asUser('ann', 'mutation { openDirectConversation(userId: "ben") { id } }', {});
    const { id } = opened.data.openDirectConversation;
    const asked = await nodes.asUser('ann', SEND, { input: { conversationId: id, content: secret } });
    const question = asked.data.sendMessage.id;
    const [helper, other] = await Promise.all(
      ['helper', 'other'].map((service) => nodes.there.connect(service, SERVICE)),
    );
    const plain = await nodes.there.connect('helper');
    if (!helper || !other) throw new Error('not connected');
    const query = 'subscription { messageStopped { id via content senderId replyTo { content } } }';
    const stops = await helper.subscribe(query);
    const inbox = await helper.subscribe('subscription { inbox { ... on MessageStopRequested { message { id } } } }');
    const places = await helper.subscribe('subscription { messageStopped { conversation { id name } } }');
    const unheard = await Promise.all([other, plain].map((each) => each.subscribe(query)));
    const raw = await connectRaw(nodes.there, 'helper', SERVICE);
    const input = { conversationId: id, onBehalfOf: 'ben', content: 'Since', replyToId: question };
    const { id: first } = (await nodes.ask('helper', START, { input })).data.startMessage;
    // What it replies to is meant, now and for a minute, and so is what is started then.
    await nodes.asUser('ann', STOP, { id: question });
    const { id: second } = (await nodes.ask('helper', START, { input })).data.startMessage;
    for (const messageId of [first, second]) {
      expect(await stops.next()).toEqual({
        messageStopped: { id: messageId, via: 'helper', content: 'Since', senderId: 'ben', replyTo: null },
      });
      expect(await stopIn(inbox)).toBe(messageId);
    }
    await eventually(() =>
      expect(places.errors.map(({ extensions }) => extensions.code)).toEqual(['NOT_FOUND', 'NOT_FOUND']),
    );
    const frames = await raw.received('StopMessage', 2);
    expect(frames.map(({ message_id }) => message_id)).toEqual([first, second]);
    // A message of their own is the next that they hear of.
    const own = await nodes.group('other');
    for (const [index, service] of ['other', 'helper'].entries()) {
      if (service === 'helper')
        await nodes.asUser('ann', 'mutation ($id: ID!) { addMembers(id: $id, userIds: ["helper"]) { id } }', {
          id: own,
        });
      const started = await nodes.ask(service, START, { input: { conversationId: own } }, {});
      await nodes.asUser('ann', STOP, { id: started.data.startMessage.id });
      expect(await unheard[index]?.next()).toMatchObject({ messageStopped: { id: started.data.startMessage.id } });
    }
    await Promise.all([helper.close(), other.close(), plain.close(), raw.close()]);
  });
});
