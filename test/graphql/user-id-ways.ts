/** Each way in which a user id goes in and comes out again. */
import type { CallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import type { Nodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Answer, type Data, newId, type TokenClaims } from '../support/service.ts';

export interface World {
  readonly nodes: Nodes;
  readonly router: CallbackRouter;
}

export type Way = (world: World, id: string) => Promise<void>;

const PRESENT = 'subscription ($ids: [ID!]!) { presenceUpdated(userIds: $ids) { userId user { id } } }';
const SERVICE: TokenClaims = { scope: 'realtime:service' };

/** What a user is answered; a refusal is a fault of the test. */
async function ask({ nodes }: World, user: string, query: string, variables = {}, claims: TokenClaims = {}) {
  const { data, errors } = await nodes.there.query(user, query, variables, claims);
  if (errors) throw new Error(`${user}: ${JSON.stringify(errors)}`);
  return data;
}

async function inStream(world: World, id: string, accept: string): Promise<void> {
  const { here } = world.nodes;
  const body = { query: PRESENT, variables: { ids: [id] } };
  const stream = await openStream(here, await here.token(id), body, { accept });
  const event = JSON.stringify({ presenceUpdated: { userId: id, user: { id } } });
  await eventually(() => expect(stream.text).toContain(event));
  stream.stop();
}

async function byCallback({ nodes: { here }, router }: World, id: string): Promise<void> {
  const subscriptionId = newId();
  const callbackUrl = `${router.url}/callback/${subscriptionId}`;
  const subscription = { callbackUrl, subscriptionId, verifier: 'v', heartbeatIntervalMs: 0 };
  const body = { query: PRESENT, variables: { ids: [id] }, extensions: { subscription } };
  await openStream(here, await here.token(id), body, { accept: 'application/json;callbackSpec=1.0' });
  await eventually(() =>
    expect(router.of('next', subscriptionId)[0]?.payload.data.presenceUpdated).toEqual({ userId: id, user: { id } }),
  );
}

/** A conversation in which the user is, does and is shown whatever a user can. */
async function inConversations(world: World, id: string): Promise<void> {
  const create = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }`;
  const room = (await ask(world, 'owner', create, { input: { memberIds: ['reader'] } })).createConversation.id;
  const role = 'mutation ($room: ID!, $id: ID!) { setMemberRole(id: $room, userId: $id, role: MODERATOR) { id } }';
  const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id senderId sequence } }';
  const add = 'mutation ($room: ID!, $id: ID!) { addMembers(id: $room, userIds: [$id]) { id } }';
  const act = `mutation ($message: ID!, $room: ID!) {
    addReaction(messageId: $message, emoji: "👍") { id }
    setTyping(conversationId: $room, isTyping: true)
    markRead(conversationId: $room, sequence: 1) { id }
  }`;
  const look = `query ($room: ID!) { conversation(id: $room) {
    members { nodes { user { id } role } } typingUsers { id } readReceipts { nodes { user { id } } }
    messages { nodes { senderId user { id } reactions { users { id } } } }
  } }`;
  const remove = 'mutation ($room: ID!, $id: ID!) { removeMember(id: $room, userId: $id) { memberCount } }';
  await ask(world, 'owner', add, { room, id });
  await ask(world, 'owner', role, { room, id });
  const key = newId();
  const said = { input: { conversationId: room, content: 'Hello', clientMessageId: key } };
  const message = (await ask(world, id, send, said)).sendMessage;
  expect((await ask(world, id, send, said)).sendMessage).toEqual(message);
  await ask(world, id, act, { message: message.id, room });
  const { conversation } = await ask(world, 'reader', look, { room });
  expect(conversation).toMatchObject({
    members: { nodes: expect.arrayContaining([{ user: { id }, role: 'MODERATOR' }]) },
    typingUsers: [{ id }],
    messages: { nodes: [{ senderId: id, user: { id }, reactions: [{ users: [{ id }] }] }] },
  });
  expect(conversation.readReceipts.nodes).toContainEqual({ user: { id } });
  expect((await ask(world, 'owner', remove, { room, id })).removeMember.memberCount).toBe(2);
}

async function inDirectMessages(world: World, id: string): Promise<void> {
  const open = 'mutation ($id: ID!) { openDirectConversation(userId: $id) { id members { nodes { user { id } } } } }';
  const { openDirectConversation: pair } = await ask(world, 'owner', open, { id });
  expect(pair.members.nodes).toContainEqual({ user: { id } });
  expect((await ask(world, id, open, { id: 'owner' })).openDirectConversation.id).toBe(pair.id);
  const send = 'mutation ($id: ID!) { sendDirectMessage(userId: $id, content: "Hello") { conversationId } }';
  expect((await ask(world, 'owner', send, { id })).sendDirectMessage.conversationId).toBe(pair.id);
}

/** As RFC 3986 has it, and as a topic may hold it. */
export const encoded = (id: string): string =>
  [...Buffer.from(id)]
    .map((byte) => String.fromCharCode(byte))
    .map((c) => (/[\w.-]/.test(c) ? c : `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`))
    .join('');

async function inTopics(world: World, id: string): Promise<void> {
  const topic = `user/${encoded(id)}/alerts`;
  // Topics are 200 characters at most.
  if (topic.length > 200) return;
  const { here, there } = world.nodes;
  const client = await here.connect(id, { topics: { subscribe: [`user/${encoded(id)}/#`], publish: null } });
  const heard = await client.subscribe('subscription ($t: String!) { topicPublished(topics: [$t]) { topic } }', {
    t: topic,
  });
  const publish = 'mutation ($t: String!) { publish(topic: $t, payload: 1) { topic } }';
  await ask(world, 'backend', publish, { t: topic }, SERVICE);
  expect(await heard.next()).toEqual({ topicPublished: { topic } });
  await client.close();
  const history = 'query ($t: String!) { topicHistory(topic: $t) { topic } }';
  expect(await ask(world, id, history, { t: topic })).toEqual({ topicHistory: [{ topic }] });
  expect((await there.query('stranger', history, { t: topic })).code).toBe('FORBIDDEN');
}

async function inRules(world: World, id: string): Promise<void> {
  const tenant = newId();
  const save = 'mutation ($input: RoutingRuleInput!) { saveRoutingRule(input: $input) { match action } }';
  const match = { on: ['TOPIC'], sender: id };
  const action = { forward: { users: [id] } };
  const variables = { input: { name: 'Forward', match, action } };
  const admin: TokenClaims = { tenant, scope: 'realtime:admin' };
  expect((await ask(world, 'root', save, variables, admin)).saveRoutingRule).toMatchObject({ match, action });
  const test = `query ($input: RoutingRuleInput!, $sample: JSON!) {
    testRoutingRule(input: $input, sample: $sample) { outcome users { id } }
  }`;
  const sample = { kind: 'TOPIC', topic: 'news', payload: 1, sender: id };
  expect((await ask(world, 'root', test, { ...variables, sample }, admin)).testRoutingRule.users).toEqual([{ id }]);
}

async function inSessions(world: World, id: string): Promise<void> {
  const tokens = '{ session { id user { id } } accessToken refreshToken }';
  const create = `mutation { createSession(input: {deviceId: "phone"}) ${tokens} }`;
  // Its user's tokens are refused from then on: a tenant of its own.
  const tenant = newId();
  const { createSession: first } = await ask(world, id, create, {}, { tenant });
  expect(first.session.user).toEqual({ id });
  const refresh = `mutation ($token: String!) { refreshSession(refreshToken: $token) ${tokens} }`;
  const { data } = await world.nodes.here.query(null, refresh, { token: first.refreshToken });
  expect(data.refreshSession.session).toEqual(first.session);
  expect(await bearerAsks(world, data.refreshSession.accessToken)).toMatchObject({ data: { viewer: { id } } });
  const revoke = 'mutation ($id: ID!) { revokeUser(userId: $id) }';
  expect((await ask(world, 'root', revoke, { id }, { tenant, scope: 'realtime:admin' })).revokeUser).toBe(1);
  await eventually(async () =>
    expect((await bearerAsks(world, data.refreshSession.accessToken)).errors?.[0]?.extensions['reason']).toBe(
      'REVOKED',
    ),
  );
}

async function bearerAsks({ nodes }: World, token: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${nodes.here.url}/graphql?query=${encodeURIComponent('{viewer{id}}')}`, { headers });
  return (await response.json()) as Answer;
}

async function overRawSockets({ nodes: { here, there } }: World, id: string): Promise<void> {
  const [user, friend] = [await connectRaw(here, id), await connectRaw(there, `friend-${newId()}`)];
  expect(user.of('Status')[0]).toMatchObject({ status: 'connected', user_id: id });
  await friend.ask('Presence', { watch: [id] });
  await eventually(() => expect(friend.of('Presence').map((each: Data) => each.user_id)).toContain(id));
  await friend.ask('DirectMessage', { target_user: id, payload: 'Hello' });
  await eventually(() => expect(user.of('DirectMessage')[0]).toMatchObject({ target_user: id, payload: 'Hello' }));
  await user.close();
  await friend.close();
}

export const WAYS: Readonly<Record<string, Way>> = {
  'a query by POST': async (world, id) => {
    const { viewer } = await ask(world, id, '{ viewer { id status presence { userId } } }');
    expect(viewer).toMatchObject({ id, presence: { userId: id } });
  },
  'a query by GET': async (world, id) => {
    const answer = await bearerAsks(world, await world.nodes.here.token(id));
    expect(answer.data).toEqual({ viewer: { id } });
  },
  'an argument': async (world, id) => {
    const query = 'query ($ids: [ID!]!) { presence(userIds: $ids) { userId user { id } } }';
    expect(await ask(world, 'reader', query, { ids: [id] })).toEqual({ presence: [{ userId: id, user: { id } }] });
  },
  'a reference of the gateway': async (world, id) => {
    const query = 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on User { id status } } }';
    const { _entities: entities } = await ask(world, 'reader', query, { r: [{ __typename: 'User', id }] });
    expect(entities).toEqual([{ id, status: expect.any(String) }]);
  },
  'a socket': async ({ nodes: { here } }, id) => {
    const client = await here.connect(id);
    const present = await client.subscribe(PRESENT, { ids: [id] });
    expect(await present.next()).toEqual({ presenceUpdated: { userId: id, user: { id } } });
    await client.close();
  },
  'server-sent events': (world, id) => inStream(world, id, 'text/event-stream'),
  multipart: (world, id) => inStream(world, id, 'multipart/mixed;subscriptionSpec=1.0'),
  'a callback': byCallback,
  conversations: inConversations,
  'direct messages': inDirectMessages,
  topics: inTopics,
  'routing rules': inRules,
  sessions: inSessions,
  '/ws': overRawSockets,
};
