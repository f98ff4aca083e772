/** The table of changes is complete, and each change is counted in its class over every way in. */
import { readFileSync } from 'node:fs';
import {
  type GraphQLInputType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  isScalarType,
} from 'graphql';
import { MUTATIONS, QUERIES } from '../../src/graphql/metering.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Change, Meter } from '../../src/model.ts';
import { CHANGES } from '../../src/rates/classes.ts';
import type { FrameData, FrameType } from '../../src/transport/raw/frames.ts';
import { HANDLERS } from '../../src/transport/raw/handlers.ts';
import { FRAMES, meterFrame } from '../../src/transport/raw/metering.ts';
import { connectRaw } from '../support/raw-client.ts';
import type { Data } from '../support/service.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const schema = createSchema();

/** The contract's table. */
const CLASSES = {
  message: [
    'sendMessage',
    'sendMessages',
    'sendDirectMessage',
    'publish',
    'publishMany',
    'editMessage',
    'deleteMessage',
  ],
  signal: ['setTyping', 'setPresence', 'markRead'],
  reaction: ['addReaction', 'removeReaction'],
  append: ['startMessage', 'appendToMessage', 'finishMessage', 'stopMessage', 'pullEvents', 'ackEvents'],
  membership: [
    'createConversation',
    'openDirectConversation',
    'addMembers',
    'updateConversation',
    'joinConversation',
    'leaveConversation',
    'removeMember',
    'setMemberRole',
    'deleteConversation',
  ],
  list: ['muteConversation', 'archiveConversation', 'pinConversation', 'markUnread', 'blockUser', 'unblockUser'],
  session: ['createSession', 'refreshSession', 'revokeSession', 'revokeOtherSessions', 'revokeUser'],
  admin: [
    'saveConsumer',
    'deleteConsumer',
    'saveWebhook',
    'deleteWebhook',
    'redeliver',
    'saveRoutingRule',
    'deleteRoutingRule',
    'saveTopicPolicy',
    'deleteTopicPolicy',
    'testRoutingRule',
  ],
};

type Entry = (typeof MUTATIONS)[keyof typeof MUTATIONS] | (typeof QUERIES)[keyof typeof QUERIES];
const changeOf = (entry: Entry): Change => {
  if (entry === 'batch') return 'message';
  return typeof entry === 'string' ? entry : entry.change;
};
const METERED: Readonly<Record<string, Entry>> = { ...MUTATIONS, ...QUERIES };

/** A value that a type takes, as it stands in a document. */
function literal(type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(type.ofType);
  if (isListType(type)) return `[${literal(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields()).filter(isRequiredInputField);
    return `{${fields.map(({ name, type: of }) => `${name}: ${literal(of)}`).join(', ')}}`;
  }
  if (isScalarType(type) && type.name === 'Boolean') return 'true';
  return isScalarType(type) && type.name === 'Int' ? '1' : '"x"';
}

/** A field with what it has to be given and the least that it answers. */
function call(of: GraphQLSchema, operation: 'mutation' | 'query', name: string): string {
  const type = operation === 'mutation' ? of.getMutationType() : of.getQueryType();
  const field = type?.getFields()[name];
  if (!field) throw new Error(`There is no ${name}.`);
  const args = field.args.filter(isRequiredArgument).map((arg) => `${arg.name}: ${literal(arg.type)}`);
  const isBatch = METERED[name] === 'batch';
  const answer = isBatch ? ' { error { code retryAfterMs } }' : ' { __typename }';
  const selection = /^(Boolean|Int|String|ID)!?$/.test(String(field.type)) ? '' : answer;
  return `${operation} { ${name}${args.length > 0 ? `(${args.join(', ')})` : ''}${selection} }`;
}

/** One of each frame that is counted. */
const SAMPLES: { readonly [Type in FrameType]: FrameData<Type> } = {
  Subscribe: { topics: ['news'] },
  Unsubscribe: { topics: ['news'] },
  Broadcast: { topic: 'news', payload: 'x' },
  DirectMessage: { target_user: 'bob', payload: 'x' },
  CreateRoom: { room: 'hall' },
  JoinRoom: { room: 'hall' },
  LeaveRoom: { room: 'hall' },
  RoomMessage: { room: 'hall', payload: 'x' },
  StartMessage: { conversation_id: 'hall' },
  AppendMessage: { id: 'x', offset: 0, text: 'x' },
  FinishMessage: { id: 'x' },
  StopMessage: { id: 'x' },
  Typing: { conversation_id: 'hall', is_typing: true },
  Presence: { status: 'AWAY' },
  Resume: { positions: [] },
  Authenticate: { token: 'x' },
  Ping: {},
};

const people = (count: number, ...others: string[]): string =>
  JSON.stringify([...Array.from({ length: count }, (_, index) => `friend-${index}`), ...others]);

type Mutations = typeof MUTATIONS;
type NamingField = {
  [Field in keyof Mutations]: Mutations[Field] extends { readonly named: unknown } ? Field : never;
}[keyof Mutations];

/** Of each change that names people, what is bad input. */
const BAD_NAMINGS: { readonly [Field in NamingField]: readonly string[] } = {
  createConversation: [
    `input: {memberIds: ${people(LIMITS.usersPerCall + 1)}}`,
    `input: {memberIds: ${people(LIMITS.usersPerCall - 1, 'a b')}}`,
    `input: {memberIds: ${people(LIMITS.usersPerCall)}, name: " "}`,
    `input: {memberIds: ${people(LIMITS.usersPerCall)}, id: "a b"}`,
    `input: {memberIds: ${people(LIMITS.usersPerCall)}, id: "direct:x"}`,
    `input: {memberIds: ${people(LIMITS.usersPerCall)}, kind: DIRECT}`,
  ],
  openDirectConversation: ['userId: "a b"', 'userId: ""'],
  addMembers: [
    `id: "x", userIds: ${people(LIMITS.usersPerCall + 1)}`,
    `id: "x", userIds: ${people(LIMITS.usersPerCall - 1, 'a b')}`,
    `id: "a b", userIds: ${people(LIMITS.usersPerCall)}`,
  ],
};

const SMALL = 2;
const ONE_OF_EACH = Object.fromEntries(
  [
    'USER_MESSAGES',
    'USER_SIGNALS',
    'REACTIONS',
    'CREATIONS',
    'MEMBERSHIPS',
    'LISTS',
    'SESSION_CREATIONS',
    'SESSIONS',
    'ADMIN',
    'RULE_TESTS',
    'APPENDS',
  ].map((name) => [`RATE_LIMIT_${name}`, String(SMALL)]),
);

describe('the classes of changes and their rates', () => {
  it('every field of Mutation has the class of the contract, and nothing else has one', () => {
    expect(Object.keys(MUTATIONS).sort()).toEqual(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort());
    const classes: Record<string, string[]> = {};
    for (const [field, entry] of Object.entries(METERED)) {
      const { class: name } = CHANGES[changeOf(entry)];
      classes[name] = [...(classes[name] ?? []), field];
    }
    for (const [name, fields] of Object.entries(CLASSES)) expect(classes[name]?.sort()).toEqual(fields.sort());
    expect(Object.keys(classes).sort()).toEqual(Object.keys(CLASSES).sort());
  });

  it('every frame of /ws has a rate, unless it changes nothing', () => {
    expect(Object.keys(FRAMES).sort()).toEqual(Object.keys(HANDLERS).sort());
    expect(Object.entries(FRAMES).flatMap(([type, by]) => (by === null ? [type] : []))).toEqual([
      'Unsubscribe',
      'Ping',
    ]);
  });

  it('docs/operations.md has each change in the row of its class', () => {
    const operations = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const documented: string[] = [];
    let current = '';
    for (const row of operations
      .split('\n## Rates\n')[1]
      ?.split('\n## ')[0]
      ?.matchAll(/^\|([^|]*)\|([^|]*)\|/gm) ?? []) {
      current = row[1]?.trim() || current;
      for (const [, name] of row[2]?.matchAll(/`(\w+)`/g) ?? []) documented.push(`${current} ${name}`);
    }
    const changes = Object.entries(METERED).map(([name, entry]) => `${CHANGES[changeOf(entry)].class} ${name}`);
    const frames = Object.entries(FRAMES).flatMap(([type, by]) => {
      const change = typeof by === 'function' ? 'signal' : by;
      return change === null || change === 'subscription' ? [] : [`${CHANGES[change].class} ${type}`];
    });
    expect(documented).toEqual(expect.arrayContaining([...changes, ...frames]));
  });

  it('a frame counts the users it names, as its mutation does', () => {
    const counted: unknown[] = [];
    const meter: Pick<Meter, 'count'> = { count: (...change) => counted.push(change) };
    meterFrame({ type: 'CreateRoom', data: { room: 'hall', member_ids: ['bob', 'carol'] } }, meter as Meter);
    expect(counted).toEqual([['creation', 2]]);
  });

  describe('a user over a rate', () => {
    let service: TestService;
    beforeAll(async () => {
      const env = { RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_SIGNALS: '1', ...ONE_OF_EACH };
      service = await startTestService({ env, clock: new StillClock() });
    });
    afterAll(() => service.close());

    /** Of the operation, or of the first item of its batch. */
    const refusalOf = ({ errors, data }: Data): Data =>
      errors?.[0]?.extensions ?? (Object.values(data ?? {}) as Data[]).flat()[0]?.error;
    const codes = (answers: Data[]): string[] =>
      answers.map((each) => (refusalOf(each)?.code === 'RATE_LIMITED' ? 'RATE_LIMITED' : 'counted'));
    const wait = (answers: Data[]): number => refusalOf(answers.at(-1))?.retryAfterMs;

    it.each(Object.keys(METERED))('%s: has one rate over HTTP and sockets', async (name) => {
      const entry = METERED[name] as Entry;
      const operation = name in MUTATIONS ? 'mutation' : 'query';
      const document = call(schema, operation, name);
      const user = `user-${name}`;
      const claims = { scope: 'realtime:admin' };
      const answers: Data[] = [];
      for (let n = 0; n <= SMALL; n += 1) answers.push(await service.query(user, document, {}, claims));
      const socket = await service.connect(user, claims);
      answers.push(await socket.query(document));
      await socket.close();
      if (changeOf(entry) === 'signal') {
        expect(codes(answers)).toEqual(['counted', 'counted', 'counted', 'counted']);
        return;
      }
      expect(codes(answers)).toEqual(['counted', 'counted', 'RATE_LIMITED', 'RATE_LIMITED']);
      expect(wait(answers)).toBeGreaterThan(0);
      // Of each class and user by themselves.
      const other = await service.query(`another-${name}`, document, {}, claims);
      expect(codes([other])).toEqual(['counted']);
    });

    const bad = Object.entries(BAD_NAMINGS).flatMap(([name, all]) => all.map((args, n) => [name, n, args] as const));
    it.each(bad)('%s: bad input does not use up the rate of named users (%i)', async (name, n, args) => {
      const user = `names-nobody-${name}-${n}`;
      const refused = await service.query(user, `mutation { ${name}(${args}) { id } }`);
      expect(refused.code).toBe('BAD_USER_INPUT');
      const all = `mutation { addMembers(id: "x", userIds: ${people(LIMITS.usersPerCall)}) { id } }`;
      expect((await service.query(user, all)).code).toBe('NOT_FOUND');
      expect((await service.query(user, all)).code).toBe('RATE_LIMITED');
    });

    it('CreateRoom: bad input does not use up the rate of named users', async () => {
      const user = 'names-nobody-in-a-room';
      const socket = await connectRaw(service, user);
      const member_ids = Array.from({ length: LIMITS.usersPerCall }, (_, n) => `person-${n}`);
      expect((await socket.ask('CreateRoom', { room: 'a b', member_ids })).data.code).toBe('BAD_USER_INPUT');
      const all = `mutation { addMembers(id: "x", userIds: ${people(LIMITS.usersPerCall)}) { id } }`;
      expect((await service.query(user, all)).code).toBe('NOT_FOUND');
      await socket.close();
    });

    it('gets Retry-After over HTTP, and 429 if the client accepts it and nothing succeeded', async () => {
      const query = 'mutation { publish(topic: "news", payload: 1) { id } }';
      const both = 'mutation { publish(topic: "news", payload: 1) { id } leaveConversation(id: "x") { id } }';
      const post = async (document: string, accept: string): Promise<[number, boolean]> => {
        const headers = {
          'content-type': 'application/json',
          accept,
          authorization: `Bearer ${await service.token('eager')}`,
        };
        const body = JSON.stringify({ query: document });
        const { status, headers: answered } = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body });
        return [status, Number(answered.get('retry-after')) >= 1];
      };
      const [json, response] = ['application/json', 'application/graphql-response+json'];
      for (let n = 0; n < SMALL; n += 1) expect(await post(query, response)).toEqual([200, false]);
      expect(await post(query, response)).toEqual([429, true]);
      expect(await post(query, json)).toEqual([200, true]);
      expect(await post(both, response)).toEqual([200, true]);
    });

    const asked = Object.entries(FRAMES).filter(([, by]) => by !== null && by !== 'subscription') as [
      FrameType,
      Data,
    ][];
    it.each(asked)('/ws %s: has a rate', async (type, by) => {
      const client = await connectRaw(service, `frame-${type}`);
      const answers: Data[] = [];
      for (let n = 0; n <= SMALL; n += 1) answers.push(await client.ask(type, SAMPLES[type]));
      const refused = answers.map(({ data }) => data.code === 'RATE_LIMITED');
      const isSignal = by === 'signal' || typeof by === 'function';
      expect(refused).toEqual([false, false, !isSignal]);
      if (!isSignal) expect(answers.at(-1).data.retry_after_ms).toBeGreaterThan(0);
      expect(client.socket.readyState).toBe(1);
      await client.close();
    });
  });
});
