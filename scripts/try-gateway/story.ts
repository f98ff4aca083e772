/** The steps of a trial, row by row: the expected result, and the actual one. */
import { setTimeout as wait } from 'node:timers/promises';
import { TIMES } from '../../src/limits.ts';
import { type Asked, ask, type Data, type Heard, listenBySocket, listenBySse } from './client.ts';
import { delays, FRONT_ENDS, type Listen } from './front-ends.ts';
import { type Program, until } from './programs.ts';
import { token } from './tokens.ts';

export interface Stage {
  /** The URLs of the router, and of the service behind it. */
  readonly url: string;
  readonly directUrl: string;
  readonly service: Program;
  readonly router: Program;
}

export type Row = readonly [what: string, play: (stage: Stage) => Promise<string>];

const MESSAGES = 100;
const MANY = 150;

const RECEIVED =
  'subscription ($ids: [ID!], $after: [ID!]) { messageReceived(conversationIds: $ids, after: $after) { content position user { id name } } }';
const SEND = 'mutation ($c: ID!, $t: String!) { sendMessage(input: { conversationId: $c, content: $t }) { id } }';

async function told(answer: Data): Promise<Data> {
  if (answer.errors) throw new Error(JSON.stringify(answer.errors).slice(0, 200));
  return answer.data;
}

/** Asks the service directly, for steps that do not test the router. */
const direct = async (stage: Stage, userId: string, query: string, variables = {}): Promise<Data> =>
  told(await ask(stage.directUrl, await token(userId), { query, variables }));

let made = 0;
async function conversation(stage: Stage, ...memberIds: string[]): Promise<string> {
  made += 1;
  const id = `trial-${process.pid}-${made}`;
  const query = 'mutation ($i: CreateConversationInput!) { createConversation(input: $i) { id } }';
  await direct(stage, 'alice', query, { i: { id, memberIds } });
  return id;
}

const say = (stage: Stage, c: string, t: string): Promise<Data> => direct(stage, 'alice', SEND, { c, t });

const contents = ({ data }: Heard): string[] => data.map(({ messageReceived }) => messageReceived.content);

/** Sends messages until one arrives, which shows that the subscription is open. */
async function begun(stage: Stage, c: string, heard: Heard): Promise<Heard> {
  await until('the subscription begins', async () => {
    if (heard.end !== null) throw new Error(`ended: ${words(heard)}`);
    if (heard.data.length === 0) await say(stage, c, 'begin');
    await wait(100);
    return heard.data.length > 0;
  });
  return heard;
}

/** The errors that a client got, and how its stream ended. */
function words({ errors, end }: Heard): string {
  const said = errors.map(({ message, extensions: { code, reason, retryAfterMs } = {} as Data }) =>
    [code ?? message, reason, retryAfterMs === undefined ? '' : `retryAfterMs ${retryAfterMs}`]
      .filter(Boolean)
      .join(' '),
  );
  return [...said, end ?? 'still open'].join(', ');
}

const ended = (heard: Heard): Promise<void> =>
  until('it ends', () => heard.end !== null || heard.errors.length > 0).then(() => wait(300));

/** The result of a subscription that is refused, or ends. */
async function refusal(
  stage: Stage,
  bearer: string | null,
  variables: Record<string, unknown> = {},
  listen = listenBySse,
): Promise<string> {
  const heard = listen(stage.url, bearer, { query: RECEIVED, variables });
  await ended(heard).catch(() => undefined);
  heard.stop();
  return words(heard);
}

async function orderly(stage: Stage, listen: (asked: Asked, bearer: string) => Heard): Promise<string> {
  const c = await conversation(stage, 'bob');
  const heard = await begun(stage, c, listen({ query: RECEIVED, variables: { ids: [c] } }, await token('bob')));
  for (let n = 1; n <= MESSAGES; n += 1) {
    await say(stage, c, `${n}`);
    // Stay within a user's rate of messages.
    await wait(25);
  }
  await until('all are heard', () => contents(heard).at(-1) === `${MESSAGES}`);
  heard.stop();
  const got = contents(heard).filter((content) => content !== 'begin');
  const isInOrder = got.every((content, index) => content === `${index + 1}`) && got.length === MESSAGES;
  return isInOrder ? `${MESSAGES} of ${MESSAGES}, once each, in order` : `${got.length}: ${got.join(' ')}`;
}

async function resumed(stage: Stage, signal: NodeJS.Signals): Promise<string> {
  const c = await conversation(stage, 'bob');
  const variables = { ids: [c] };
  const before = await begun(stage, c, listenBySse(stage.url, await token('bob'), { query: RECEIVED, variables }));
  await say(stage, c, 'seen');
  await until('it is heard', () => contents(before).at(-1) === 'seen');
  const after = [before.data.at(-1).messageReceived.position];
  await stage.service.stop(signal);
  await ended(before).catch(() => undefined);
  const said = words(before);
  before.stop();
  await stage.service.start();
  for (const content of ['missed 1', 'missed 2']) await say(stage, c, content);
  const again = listenBySse(stage.url, await token('bob'), { query: RECEIVED, variables: { ...variables, after } });
  await until('what was missed is heard', () => again.data.length >= 2);
  again.stop();
  return `${said}; then ${contents(again).join(', ')}`;
}

const SIX: readonly (readonly [string, (c: string) => string, (stage: Stage, c: string) => Promise<unknown>])[] = [
  ['messageReceived', (c) => `messageReceived(conversationIds: ["${c}"]) { id }`, (stage, c) => say(stage, c, 'one')],
  [
    'messageUpdated',
    (c) => `messageUpdated(conversationIds: ["${c}"]) { id }`,
    async (stage, c) => {
      const { sendMessage } = await say(stage, c, 'two');
      await direct(stage, 'alice', 'mutation ($m: ID!) { addReaction(messageId: $m, emoji: ":tada:") { id } }', {
        m: sendMessage.id,
      });
    },
  ],
  [
    'conversationUpdated',
    (c) => `conversationUpdated(conversationIds: ["${c}"]) { name }`,
    (stage, c) =>
      direct(stage, 'alice', 'mutation ($c: ID!, $n: String) { updateConversation(id: $c, name: $n) { id } }', {
        c,
        n: `renamed at ${Date.now()}`,
      }),
  ],
  ['presenceUpdated', () => 'presenceUpdated(userIds: ["alice"]) { status }', async () => undefined],
  [
    'typingIndicator',
    (c) => `typingIndicator(conversationIds: ["${c}"]) { isTyping }`,
    (stage, c) => direct(stage, 'alice', 'mutation ($c: ID!) { setTyping(conversationId: $c, isTyping: true) }', { c }),
  ],
  [
    'topicPublished',
    () => 'topicPublished(topics: ["trial"]) { payload }',
    (stage) => direct(stage, 'alice', 'mutation { publish(topic: "trial", payload: 1) { id } }'),
  ],
];

async function six(stage: Stage): Promise<string> {
  const c = await conversation(stage, 'bob');
  const heard: string[] = [];
  for (const [name, field, act] of SIX) {
    const one = listenBySse(stage.url, await token('bob'), { query: `subscription { ${field(c)} }` });
    await until(
      name,
      async () => {
        if (one.data.length > 0) return true;
        await act(stage, c);
        await wait(400);
        return one.data.length > 0;
      },
      15_000,
    ).then(
      () => heard.push(name),
      () => heard.push(`NOT ${name} (${words(one)})`),
    );
    one.stop();
  }
  return heard.every((name) => !name.startsWith('NOT')) ? 'all six' : heard.join(', ');
}

async function many(stage: Stage): Promise<string> {
  const c = await conversation(stage, 'bob');
  const bearer = await token('bob');
  const all = Array.from({ length: MANY }, () =>
    listenBySocket(stage.url, bearer, { query: RECEIVED, variables: { ids: [c] } }),
  );
  const ready = (): number => all.filter(({ data }) => data.length > 0).length;
  await until(
    'all are there',
    async () => {
      await say(stage, c, 'to many');
      await wait(300);
      return ready() === MANY;
    },
    20_000,
  ).catch(() => undefined);
  const query = await Promise.race([
    ask(stage.url, bearer, { query: '{ viewer { id } }' }).then(() => 'a query is answered'),
    wait(5_000, 'a query is NOT answered'),
  ]);
  const refused = all.find(({ errors }) => errors.length > 0);
  for (const one of all) one.stop();
  return `${ready()} of ${MANY} of one user, ${query}${refused ? `; ${words(refused)}` : ''}`;
}

/** One library: how late messages come, one at a time, and what it shows for a bad token and the removal of a member. */
async function frontEnd(stage: Stage, listen: Listen): Promise<string> {
  const c = await conversation(stage, 'bob');
  const asked = { query: RECEIVED, variables: { ids: [c] } };
  const heard = await begun(stage, c, listen(stage.url, await token('bob'), asked));
  const late = await delays(heard, (text) => say(stage, c, text));
  await direct(stage, 'alice', 'mutation ($c: ID!) { removeMember(id: $c, userId: "bob") { id } }', { c });
  await ended(heard).catch(() => undefined);
  heard.stop();
  return `${late}; removed: ${words(heard)}; bad token: ${await refusal(stage, 'no.such.token', {}, listen)}`;
}

async function connections(stage: Stage): Promise<number> {
  const text = await (await fetch(stage.directUrl.replace('/graphql', '/metrics'))).text();
  return [...text.matchAll(/^realtime_subscriptions\{[^}]*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

export const STORY: readonly Row[] = [
  [
    'query, entities from users to realtime',
    async (stage) => {
      const query = '{ user(id: "bob") { name status unreadMessageCount } }';
      return JSON.stringify(await told(await ask(stage.url, await token('bob'), { query })));
    },
  ],
  [
    'query, entities from realtime to users',
    async (stage) =>
      JSON.stringify(await told(await ask(stage.url, await token('bob'), { query: '{ viewer { id name } }' }))),
  ],
  [
    'mutation',
    async (stage) => {
      const query = 'mutation { openDirectConversation(userId: "carol") { kind memberCount } }';
      return JSON.stringify(await told(await ask(stage.url, await token('bob'), { query })));
    },
  ],
  ['six subscriptions', six],
  ['messages, a client over SSE', (stage) => orderly(stage, (asked, bearer) => listenBySse(stage.url, bearer, asked))],
  [
    'messages, a client over graphql-ws',
    (stage) => orderly(stage, (asked, bearer) => listenBySocket(stage.url, bearer, asked)),
  ],
  ['many subscribers', many],
  [
    'a query with a bad token',
    async (stage) => {
      const { errors = [] } = await ask(stage.url, 'no.such.token', { query: '{ viewer { id } }' });
      return words({ errors, end: 'answered' } as unknown as Heard);
    },
  ],
  ['no token', (stage) => refusal(stage, null)],
  ['a bad token', (stage) => refusal(stage, 'no.such.token')],
  ['a bad token, a client over graphql-ws', (stage) => refusal(stage, 'no.such.token', {}, listenBySocket)],
  ['an expired token', async (stage) => refusal(stage, await token('bob', -100))],
  [
    'a conversation of others',
    async (stage) => refusal(stage, await token('mallory'), { ids: [await conversation(stage)] }),
  ],
  ['a position that is none', async (stage) => refusal(stage, await token('bob'), { after: ['nowhere'] })],
  [
    '101 ids',
    async (stage) => refusal(stage, await token('bob'), { ids: Array.from({ length: 101 }, (_, n) => `c${n}`) }),
  ],
  [
    'the token expires',
    async (stage) => {
      const c = await conversation(stage, 'bob');
      // A token is accepted for as long as clocks may differ after it has expired.
      const bearer = await token('bob', 4 - TIMES.clockToleranceMs / 1_000);
      return refusal(stage, bearer, { ids: [c] });
    },
  ],
  [
    'the member is removed',
    async (stage) => {
      const c = await conversation(stage, 'bob');
      const asked = { query: RECEIVED, variables: { ids: [c] } };
      const heard = await begun(stage, c, listenBySse(stage.url, await token('bob'), asked));
      await direct(stage, 'alice', 'mutation ($c: ID!) { removeMember(id: $c, userId: "bob") { id } }', { c });
      await ended(heard).catch(() => undefined);
      heard.stop();
      return words(heard);
    },
  ],
  ...FRONT_ENDS.map(([name, listen]): Row => [`front end: ${name}`, (stage) => frontEnd(stage, listen)]),
  ['the service stops (SIGTERM)', (stage) => resumed(stage, 'SIGTERM')],
  ['the service dies (SIGKILL)', (stage) => resumed(stage, 'SIGKILL')],
  [
    'a query and a subscription while the service is away',
    async (stage) => {
      await stage.service.stop('SIGKILL');
      const bearer = await token('bob');
      const { errors = [] } = await ask(stage.url, bearer, { query: '{ viewer { id } }' });
      const query = words({ errors, end: 'answered' } as unknown as Heard);
      const subscription = await refusal(stage, bearer);
      await stage.service.start();
      return `${query}; ${subscription}`;
    },
  ],
  [
    'the router dies',
    async (stage) => {
      const c = await conversation(stage, 'bob');
      const asked = { query: RECEIVED, variables: { ids: [c] } };
      const heard = await begun(stage, c, listenBySse(stage.url, await token('bob'), asked));
      const at = Date.now();
      await stage.router.stop('SIGKILL');
      await until('the service notices', async () => (await connections(stage)) === 0, 60_000);
      heard.stop();
      return `noticed after ${((Date.now() - at) / 1_000).toFixed(1)} s`;
    },
  ],
];
