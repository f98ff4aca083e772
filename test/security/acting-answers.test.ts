/** The answer to a service that acts for a user is the answer that the user would get, for each mutation and each selection. */
import { createRandom } from '../faults/random.ts';
import { createConversation } from '../support/conversations.ts';
import { EVERY_SETTING, type Nodes, startNodes } from '../support/nodes.ts';
import type { Answer, Data } from '../support/service.ts';
import { createQuestions, INTROSPECTION, type Questions, type Subject } from './properties/questions.ts';

const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
const START = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id } }';
const FINISH = 'mutation ($id: ID!) { finishMessage(id: $id) { id } }';
const LAST = 'query ($id: ID!) { conversation(id: $id) { lastMessage { id } } }';
/** Of messages that a service sent for a user. */
const CHANGES = ['deleteMessage', 'editMessage', 'finishMessage'];
/** Random ways down the schema for each mutation. */
const WAYS_DOWN = 20;
/** Fields about the caller, which is the service and not its user. */
const OF_THE_CALLER = ['viewerRole', 'unreadMessageCount', 'viewerReacted', 'peer', 'typingUsers'];

interface Fault {
  readonly path?: readonly (string | number)[];
  readonly extensions: Data;
}

const withoutCaller = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, each) => (OF_THE_CALLER.includes(key) ? undefined : each)));

function leaveOut(shown: Data, path: readonly (string | number)[]): void {
  const within = path.slice(0, -1).reduce((value, key) => value?.[key], shown);
  if (within) delete within[path.at(-1) ?? ''];
}

/** The selection of the root field of a generated operation. */
const selectionOf = (operation: string): string => operation.slice(operation.indexOf(') {') + 2);

describe.each(EVERY_SETTING)('what a service that acts for a user is answered, %s', (setting) => {
  let nodes: Nodes;
  let questions: Questions;
  /** A conversation of ann and ben with one message; the service is no member. */
  let id: string;
  let first: string;
  beforeAll(async () => {
    nodes = await startNodes(setting, { MAX_QUERY_COST: '1000000', MAX_QUERY_DEPTH: '50' });
    questions = createQuestions((await asUser('ann', INTROSPECTION)).data);
    const ann = await nodes.there.connect('ann');
    ({ id } = await createConversation(ann, { memberIds: ['ben'] }));
    await ann.close();
    first = (await asUser('ann', SEND, { input: { conversationId: id, content: 'secret' } })).data.sendMessage.id;
  });
  afterAll(() => nodes.close());

  const ask = (query: string, variables: object = {}): Promise<Answer> =>
    nodes.here.query('bot', query, variables, { scope: 'realtime:service' });
  const asUser = (user: string, query: string, variables: object = {}): Promise<Answer> =>
    nodes.there.query(user, query, variables);

  const subject = (messageId: string): Subject => ({
    conversationId: id,
    messageId,
    userId: 'ben',
    position: 'none',
    isMessage: true,
    onBehalfOf: 'ben',
  });
  /** The mutations that take `onBehalfOf`. */
  const senders = (): string[] =>
    questions
      .rootFields('mutation')
      .filter((field) => questions.whole('mutation', field, subject(first)).includes('onBehalfOf'))
      .map(({ name }) => name)
      .toSorted();

  /** A message for `name` to change; null when it sends one. */
  async function messageFor(name: string): Promise<string | null> {
    if (!CHANGES.includes(name)) return null;
    const input = { conversationId: id, onBehalfOf: 'ben', content: 'y' };
    const { data } = await ask(name === 'finishMessage' ? START : SEND, { input });
    return (data.startMessage ?? data.sendMessage).id;
  }

  async function compare(name: string, way: Questions['chain'], random: () => number): Promise<void> {
    const known = await messageFor(name);
    const field = questions.rootFields('mutation').find((each) => each.name === name);
    if (!field) throw new Error(`There is no ${name}.`);
    const operation = way('mutation', field, subject(known ?? first), random);
    const { data, errors } = await ask(operation);
    if (name === 'sendMessages') {
      for (const item of data.sendMessages) expect(item).not.toHaveProperty('error.code');
      return;
    }
    const sent = known ?? (await asUser('ann', LAST, { id })).data.conversation.lastMessage.id;
    const own = await asUser('ben', `{ message(id: ${JSON.stringify(sent)}) ${selectionOf(operation)}`);
    if (name === 'startMessage') await ask(FINISH, { id: sent });
    // A user's own list and sessions are null to everyone else, and the rest of the answer stands.
    for (const { path = [], extensions } of [...(errors ?? []), ...(own.errors ?? [])] as readonly Fault[]) {
      expect(extensions.code).toBe('FORBIDDEN');
      for (const shown of [data[name], own.data.message]) leaveOut(shown, path.slice(1));
    }
    expect(withoutCaller(data[name])).toEqual(withoutCaller(own.data.message));
  }

  it('the mutations that act for users are those that are compared', () => {
    expect(senders()).toEqual(['sendMessage', 'sendMessages', 'startMessage']);
  });

  it.each(['sendMessage', 'sendMessages', 'startMessage', ...CHANGES])(
    '%s is answered as to the user',
    async (name) => {
      const random = createRandom(7);
      await compare(name, questions.whole, random);
      for (let n = 0; n < WAYS_DOWN; n += 1) await compare(name, questions.chain, random);
    },
  );

  it('the message and its conversation are shown in that answer only', async () => {
    const query =
      'query ($id: ID!, $message: ID!) { conversation(id: $id) { name } message(id: $message) { content } }';
    expect((await ask(query, { id, message: first })).data).toEqual({ conversation: null, message: null });
  });
});
