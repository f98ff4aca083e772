/** Texts, keys of retries and positions, over each way in (Q57 to Q60). */
import { partsOfPosition } from '../../support/position.ts';
import { connectRaw } from '../../support/raw-client.ts';
import { newId } from '../../support/service.ts';
import { post } from '../load.ts';
import { type BadInput, input, type Target } from './input.ts';
import { answerBy, type Codes, codesBy, everywhere, WAYS, type Way } from './ways.ts';

const BAD = 'BAD_USER_INPUT';
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id content position } }';
const CREATE = 'mutation ($id: ID!) { createConversation(input: {id: $id, kind: ROOM}) { position } }';
const RESUME = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { id }
}`;

export interface Place {
  readonly userId: string;
  readonly id: string;
  /** Where the log of the conversation begins. */
  readonly position: string;
}

/** A room of a user who did not exist before. */
export async function makePlace(target: Target): Promise<Place> {
  const [userId, id] = [newId(), newId()];
  const { data } = await post(target.url, await target.token(userId), CREATE, { id });
  return { userId, id, position: data.createConversation.position };
}

export async function lastSequence(target: Target, { userId, id }: Place): Promise<number> {
  const query = `{ conversation(id: "${id}") { lastSequence } }`;
  return (await post(target.url, await target.token(userId), query, {})).data.conversation.lastSequence;
}

/** The codes of a content by each way, and how many messages came of it. */
async function sendEverywhere(target: Target, content: string): Promise<unknown> {
  const place = await makePlace(target);
  const request = { query: SEND, variables: { input: { conversationId: place.id, content } } };
  const codes = await codesBy(target, request, { userId: place.userId });
  return { codes, messages: await lastSequence(target, place) };
}

const CONTENTS: readonly (readonly [title: string, content: string, code: string, exceptions?: Codes])[] = [
  ['Q57: a lone surrogate', '\ud800', BAD],
  ['Q57: U+0000', 'a\0b', BAD],
  ['Q57: 8,001 characters of four bytes', '🎉'.repeat(8_001), BAD],
  ['Q57: 1 MB of combining marks', `a${'\u0301'.repeat(500_000)}`, BAD, { 'graphql-ws': '1009' }],
  ['Q57: a right-to-left override', 'a\u202eb', 'OK'],
  ['Q57: 8,000 characters of four bytes', '🎉'.repeat(8_000), 'OK'],
  ['Q58: white space', ' \n\t\u00a0\u2003', BAD],
  ['Q58: characters of no width', '\u200b\u200d\u2060\ufeff', BAD],
];

const position = (...parts: readonly unknown[]): string => Buffer.from(JSON.stringify(parts)).toString('base64url');

type Forge = (place: Place, target: Target) => string | Promise<string>;
const withPlace =
  (place: unknown): Forge =>
  ({ position: given }) =>
    position(...partsOfPosition(given).slice(0, 2), place);
const withEpoch =
  (epoch: unknown): Forge =>
  ({ id }) =>
    position(id, epoch, 0);

const POSITIONS: readonly (readonly [title: string, forge: Forge, code: string])[] = [
  ['Q60: a place of -1', withPlace(-1), BAD],
  ['Q60: a place of 2^53', withPlace(2 ** 53), BAD],
  ['Q60: a place that is a text', withPlace('1e3'), BAD],
  ['Q60: a place of 1.5', withPlace(1.5), BAD],
  ['Q60: no position at all', () => '__proto__', BAD],
  ['Q60: an epoch of 10 KB', withEpoch('x'.repeat(10_000)), BAD],
  ['Q60: an epoch that is an object', withEpoch({}), BAD],
  ['Q60, R96: a place that is still to come', withPlace(1_000), 'POSITION_EXPIRED'],
  ['Q60: another life of the log', withEpoch('another'), 'POSITION_EXPIRED'],
];

/** By each way that carries a subscription, which may name the position's conversation, and by `Resume`. */
async function resumeEverywhere(target: Target, forge: Forge, isNamed = false): Promise<unknown> {
  const place = await makePlace(target);
  const after = [await forge(place, target)];
  const ways = WAYS.filter((way) => way !== 'JSON');
  const ids = isNamed ? after.map((each) => partsOfPosition(each)[0]) : null;
  const codes = await codesBy(target, { query: RESUME, variables: { ids, after } }, { userId: place.userId }, ways);
  const client = await connectRaw(target, place.userId);
  const { type, data } = await client.ask('Resume', { positions: after });
  await client.close();
  return { ...codes, '/ws': type === 'Error' ? data.code : type };
}

const anywhere = (code: string): object => {
  const { JSON: _never, ...codes } = everywhere(code);
  return { ...codes, '/ws': code };
};

async function sendAgain(target: Target): Promise<unknown> {
  const place = await makePlace(target);
  const { userId, id: conversationId } = place;
  const body = (content: string) => ({
    query: SEND,
    variables: { input: { conversationId, content, clientMessageId: 'again' } },
  });
  const by = async (way: Way): Promise<string | undefined> => {
    const answer = await answerBy(way, target, body(way), { userId });
    return /"sendMessage":\{"id":"(.*?)"/.exec(answer)?.[1] ?? /"code":"(\w+)"/.exec(answer)?.[1];
  };
  const answers = await Promise.all([...WAYS, ...Array<Way>(45).fill('JSON')].map(by));
  const client = await connectRaw(target, userId);
  const raw = { room: conversationId, payload: 'by /ws', client_message_id: 'again' };
  const { data } = await client.ask('RoomMessage', raw);
  await client.close();
  return {
    answers: new Set([...answers, data.message_id ?? data.code]).size,
    conflicts: answers.includes('CONFLICT') && data.code === 'CONFLICT',
    messages: await lastSequence(target, place),
  };
}

const ENTITY = `query ($id: ID!, $r: [_Any!]!) { conversation(id: $id) { id } _entities(representations: $r) { ... on Conversation { id } } }`;

/** What is said of a room of another tenant, of one of nobody's, and of one that there is not: the same. */
async function lookElsewhere(target: Target): Promise<unknown> {
  const [foreign, strangers] = [newId(), await makePlace(target)];
  const other = await target.token('alice', { tenant: 'other' });
  await post(target.url, other, CREATE, { id: foreign });
  const group = `mutation { createConversation(input: {id: "${strangers.id}-g"}) { id } }`;
  await post(target.url, await target.token(strangers.userId), group, {});
  const answers = new Set<string>();
  for (const id of [foreign, `${strangers.id}-g`, newId()])
    for (const way of WAYS) {
      const variables = { id, r: [{ __typename: 'Conversation', id }] };
      const answer = await answerBy(way, target, { query: ENTITY, variables }, { userId: 'alice' });
      answers.add(/\{"conversation".*?\]\}/.exec(answer)?.[0] ?? answer);
    }
  return [...answers];
}

export const MESSAGES: readonly BadInput[] = [
  input(
    'Q53: rooms of another tenant, of others, and none: answered alike, by each way',
    ['{"conversation":null,"_entities":[null]}'],
    lookElsewhere,
  ),
  ...CONTENTS.map(([title, content, code, exceptions]) =>
    input(
      `${title}: ${code}`,
      { codes: everywhere(code, exceptions), messages: code === 'OK' ? WAYS.length : 0 },
      (target) => sendEverywhere(target, content),
    ),
  ),
  input(
    'Q59: one clientMessageId with other contents, fifty at once: the first once, the others CONFLICT',
    { answers: 2, conflicts: true, messages: 1 },
    sendAgain,
  ),
  ...POSITIONS.map(([title, forge, code]) =>
    input(`${title}: ${code}`, anywhere(code), (target) => resumeEverywhere(target, forge)),
  ),
  // Without names it is passed over, as that of a conversation that was left.
  input(
    'R97: the position of a room of another user, named: NOT_FOUND',
    { ...anywhere('NOT_FOUND'), '/ws': 'Status' },
    (target) => resumeEverywhere(target, async (_, at) => (await makePlace(at)).position, true),
  ),
];
