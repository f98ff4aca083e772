/**
 * Values of closed lists that only a newer version knows, in storage: each reads as a known one that gives no more, and
 * stays stored (G22).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import type { READ } from '../../src/engine/shared/closed.ts';
import type { ConversationId, TenantId, UserId } from '../../src/model.ts';
import { metrics } from '../support/metrics.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';

const FUTURE = 'OF_A_NEWER_VERSION';
const tenant = 'default' as TenantId;
const id = 'c' as ConversationId;
const alice = 'alice' as UserId;

interface Case {
  /** Where Redis and SQLite store it: a hash, and a table with its column; the stored text before and after. */
  readonly redis: (keys: ReturnType<typeof createKeys>) => string;
  readonly sql: readonly [table: string, column: string];
  readonly from: string;
  readonly to: string;
  /** What is asked, by whom, and the answer. */
  readonly ask: string;
  readonly by?: 'admin';
  readonly answer: Data;
}

const admin = { scope: 'realtime:admin' };
const role = {
  redis: (keys: ReturnType<typeof createKeys>) => keys.conversation(tenant, id).members,
  sql: ['members', 'role'],
  ask: '{ conversation(id: "c") { members(first: 2) { nodes { user { id } role } } } }',
} as const;
const rule = {
  redis: (keys: ReturnType<typeof createKeys>) => keys.routingRules(tenant).settings,
  sql: ['routing_rules', 'record'],
  by: 'admin',
} as const;

/** Tested in `delivery/unknown-changes` and, of one engine, in `closed-lists`. */
type Elsewhere = 'messageChange' | 'listEvent' | 'connectionType' | 'fate';

const CASES: Readonly<Record<Exclude<keyof typeof READ, Elsewhere>, Case>> = {
  conversationKind: {
    redis: (keys) => keys.conversation(tenant, id).meta,
    sql: ['conversations', 'kind'],
    from: 'GROUP',
    to: FUTURE,
    ask: '{ conversation(id: "c") { kind } }',
    answer: { conversation: { kind: 'GROUP' } },
  },
  memberRole: {
    ...role,
    from: 'MODERATOR',
    to: FUTURE,
    answer: {
      conversation: {
        members: {
          nodes: [
            { user: { id: 'alice' }, role: 'OWNER' },
            { user: { id: 'bob' }, role: 'MEMBER' },
          ],
        },
      },
    },
  },
  messageState: {
    redis: (keys) => keys.conversation(tenant, id).messages,
    sql: ['messages', 'state'],
    from: 'ABORTED',
    to: FUTURE,
    ask: '{ conversation(id: "c") { messages(first: 9) { nodes { state content } } } }',
    answer: { conversation: { messages: { nodes: [{ state: 'COMPLETE', content: 'text' }] } } },
  },
  presenceStatus: {
    redis: (keys) => keys.user(tenant, alice).presence,
    sql: ['presences', 'status'],
    from: 'BUSY',
    to: FUTURE,
    ask: '{ presence(userIds: ["alice"]) { status statusText devices { deviceId } } }',
    answer: { presence: [{ status: 'OFFLINE', statusText: null, devices: [] }] },
  },
  topicRight: {
    redis: (keys) => keys.topicPolicies(tenant).settings,
    sql: ['topic_policies', 'record'],
    from: '"EVERYONE"',
    to: `"${FUTURE}"`,
    ask: '{ topicPolicies { pattern publish subscribe } }',
    by: 'admin',
    answer: {
      topicPolicies: expect.arrayContaining([{ pattern: 'news.#', publish: 'SERVICES', subscribe: 'SERVICES' }]),
    },
  },
  ruleFaultPolicy: {
    ...rule,
    from: '"PASS"',
    to: `"${FUTURE}"`,
    ask: '{ routingRules { onFault } }',
    answer: { routingRules: [{ onFault: 'REFUSE' }] },
  },
  routedKind: {
    ...rule,
    from: '"ROOM"',
    to: `"${FUTURE}"`,
    ask: '{ routingRules { match } }',
    answer: { routingRules: [{ match: { on: ['TOPIC'], topic: 'x.#', sender: null, where: null } }] },
  },
  eventType: {
    redis: (keys) => keys.consumers(tenant).consumers,
    sql: ['consumers', 'record'],
    from: '"MESSAGE_CHANGED"',
    to: `"${FUTURE}"`,
    ask: '{ consumers { name events } }',
    by: 'admin',
    answer: { consumers: [{ name: 'k', events: ['PUBLISHED'] }] },
  },
};

interface Stored {
  service: TestService;
  /** Replaces a text wherever it is stored in a case's place. */
  overwrite(cases: readonly Case[]): Promise<void>;
  /** All that is stored in a case's place. */
  stored(of: Case): Promise<string>;
  close(): Promise<void>;
}

async function onRedis(): Promise<Stored> {
  const env = onSharedRedis();
  const keys = createKeys(env.REDIS_PREFIX, 0);
  const redis = new Redis(env.REDIS_URL);
  const world: Stored = {
    service: await startTestService({ env }),
    async overwrite(cases) {
      for (const each of cases) {
        const key = each.redis(keys);
        for (const [field, value] of Object.entries(await redis.hgetall(key)))
          await redis.hset(key, field, value.replaceAll(each.from, each.to));
      }
      // Nothing announced it: another node reads it.
      await world.service.close();
      world.service = await startTestService({ env });
    },
    stored: async (of) => JSON.stringify(await redis.hgetall(of.redis(keys))),
    async close() {
      redis.disconnect();
      await world.service.close();
    },
  };
  return world;
}

async function onFile(): Promise<Stored> {
  const folder = mkdtempSync(join(tmpdir(), 'closed-'));
  const env = { DATA_DIR: folder };
  const within = <Result>(work: (file: DatabaseSync) => Result): Result => {
    const file = new DatabaseSync(join(folder, 'realtime.db'));
    try {
      return work(file);
    } finally {
      file.close();
    }
  };
  const world: Stored = {
    service: await startTestService({ env }),
    async overwrite(cases) {
      await world.service.close();
      within((file) => {
        for (const {
          sql: [table, column],
          from,
          to,
        } of cases)
          file.prepare(`UPDATE ${table} SET ${column} = replace(${column}, ?, ?)`).run(from, to);
      });
      world.service = await startTestService({ env });
    },
    async stored({ sql: [table, column] }) {
      await world.service.close();
      const rows = within((file) => file.prepare(`SELECT ${column} FROM ${table}`).all());
      world.service = await startTestService({ env });
      return JSON.stringify(rows);
    },
    async close() {
      await world.service.close();
      rmSync(folder, { recursive: true });
    },
  };
  return world;
}

/** Stores something for each case. */
async function begin({ service }: Stored): Promise<string> {
  const ask = async (query: string, claims = {}): Promise<Data> => {
    const { data, errors } = await service.query('alice', `mutation { ${query} }`, {}, claims);
    expect(errors).toBeUndefined();
    return data;
  };
  await ask('createConversation(input: {id: "c", memberIds: ["bob"]}) { id }');
  await ask('setMemberRole(id: "c", userId: "bob", role: MODERATOR) { id }');
  const { startMessage } = await ask('startMessage(input: {conversationId: "c", content: "text"}) { id }');
  await ask(`finishMessage(id: "${startMessage.id}", state: ABORTED) { id }`);
  await ask('setPresence(status: BUSY, statusText: "in a call") { status }');
  await ask('saveTopicPolicy(input: {pattern: "news.#", publish: EVERYONE, subscribe: EVERYONE}) { pattern }', admin);
  await ask(
    `saveRoutingRule(input: {id: "r", name: "r", match: {on: ["TOPIC", "ROOM"], topic: "x.#"}, action: {drop: true}})
     { id }`,
    admin,
  );
  await ask('saveConsumer(input: {name: "k", events: [PUBLISHED, MESSAGE_CHANGED]}) { name }', admin);
  return startMessage.id;
}

describe.each([
  ['Redis', onRedis],
  ['SQLite', onFile],
] as const)('%s', (_, open) => {
  let world: Stored;
  let message: string;
  beforeAll(async () => {
    world = await open();
    message = await begin(world);
    await world.overwrite(Object.values(CASES));
  });
  afterAll(() => world.close());

  it.each(Object.entries(CASES))('G22: a stored %s of a newer version reads as a known one', async (_name, each) => {
    const client = await world.service.connect('alice');
    const before = await metrics(world.service.url, ['realtime_unknown_announcements_total']);
    const { data, errors } = await world.service.query('alice', each.ask, {}, each.by && admin);
    expect(errors).toBeUndefined();
    expect(data).toEqual(each.answer);
    const after = await metrics(world.service.url, ['realtime_unknown_announcements_total']);
    expect(Number(after[0])).toBeGreaterThan(Number(before[0]));
    await client.close();
  });

  it('G22: an unknown role has the least rank, and its member can read, leave and be removed', async () => {
    const ask = (who: string, query: string) => world.service.query(who, `mutation { ${query} }`);
    expect((await ask('bob', 'updateConversation(id: "c", name: "x") { id }')).code).toBe('FORBIDDEN');
    expect((await ask('bob', 'removeMember(id: "c", userId: "alice") { id }')).code).toBe('FORBIDDEN');
    expect((await ask('bob', 'markRead(conversationId: "c", sequence: 1) { id }')).errors).toBeUndefined();
    expect(await world.stored(CASES.memberRole)).toContain(FUTURE);
    expect((await ask('bob', 'leaveConversation(id: "c") { id }')).errors).toBeUndefined();
    await ask('alice', 'addMembers(id: "c", userIds: ["bob"]) { id }');
    await world.overwrite([{ ...CASES.memberRole, from: 'MEMBER' }]);
    expect((await ask('alice', 'removeMember(id: "c", userId: "bob") { id }')).errors).toBeUndefined();
  });

  it('G22: a change of a message keeps its unknown state', async () => {
    const ask = (query: string) => world.service.query('alice', `mutation { ${query} }`);
    for (const change of [
      `addReaction(messageId: "${message}", emoji: "👍") { id }`,
      `editMessage(id: "${message}", content: "edited") { id }`,
      `deleteMessage(id: "${message}") { id }`,
    ]) {
      expect((await ask(change)).errors).toBeUndefined();
      expect(await world.stored(CASES.messageState)).toContain(FUTURE);
    }
  });

  it('G22: a rule with an unknown action fails, and with an unknown policy for that refuses the message', async () => {
    const action = { ...CASES.ruleFaultPolicy, from: '"drop"', to: `"${FUTURE}"` };
    await world.overwrite([action]);
    const { errors } = await world.service.query('bob', 'mutation { publish(topic: "x.a", payload: 1) { id } }');
    expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', reason: 'RULE_FAILED' } }]);
    expect(await world.stored(action)).toContain(FUTURE);
  });

  it('G22: an unknown right is none', async () => {
    const publish = 'mutation { publish(topic: "news.a", payload: 1) { id } }';
    expect((await world.service.query('bob', publish)).code).toBe('FORBIDDEN');
  });
});
