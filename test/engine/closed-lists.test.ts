/** Values of closed lists are read in one place, which knows each value of the schema and counts any other (G22). */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEnumType, isIntrospectionType } from 'graphql';
import { Redis } from 'ioredis';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { onUnknownValue, READ } from '../../src/engine/shared/closed.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import type { ConnectionType, MessageId, PublicationId, Topic } from '../../src/model.ts';
import { newPrefix, openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { alice, connectionId, createGroup, deviceId, tenant } from '../support/world.ts';

/** The enums of the schema, and what reads their values; null: they are not stored. */
const READERS: Readonly<Record<string, keyof typeof READ | null>> = {
  BatchOutcome: null,
  ConnectionType: 'connectionType',
  ConsumerStart: null,
  ConversationKind: 'conversationKind',
  EventType: 'eventType',
  LeaveReason: 'listEvent',
  MemberRole: 'memberRole',
  MessageChangeKind: 'messageChange',
  MessageState: 'messageState',
  PresenceStatus: 'presenceStatus',
  ResetReason: null,
  RoutingOutcome: null,
  RuleFaultPolicy: 'ruleFaultPolicy',
  TopicRight: 'topicRight',
  WebhookState: null,
};

/** What `work` returns, and how many values it found unknown. */
function counted<Result>(work: () => Result): [Result, number] {
  let count = 0;
  const stop = onUnknownValue(() => {
    count += 1;
  });
  try {
    return [work(), count];
  } finally {
    stop();
  }
}

describe('values of closed lists', () => {
  const enums = Object.values(createSchema().getTypeMap())
    .filter((type) => !isIntrospectionType(type))
    .filter(isEnumType)
    .filter(({ name }) => !name.includes('__'));

  it('G22: of each enum of the schema are read as they are', () => {
    expect(enums.map(({ name }) => name).sort()).toEqual(Object.keys(READERS).sort());
    for (const { name, ...type } of enums.map((each) => ({ name: each.name, values: each.getValues() }))) {
      const reader = READERS[name];
      if (!reader) continue;
      for (const { name: value } of type.values) expect(counted(() => READ[reader](value))).toEqual([value, 0]);
    }
  });

  it('G22: scripts know a kind of conversations by its first letter, so each has its own', () => {
    const kinds = enums.find(({ name }) => name === 'ConversationKind')?.getValues() ?? [];
    expect(new Set(kinds.map(({ name }) => name.charAt(0))).size).toBe(kinds.length);
  });

  it.each(Object.entries(READ))('G22: an unknown %s is counted, and reads as always the same', (_, read) => {
    const [answers, count] = counted(() =>
      ['OF_A_NEWER_VERSION', 'toString', 'constructor', '__proto__', '', null, undefined].map((value) => read(value)),
    );
    expect(new Set(answers).size).toBe(1);
    expect(count).toBe(7);
    const [answer] = answers;
    if (answer) expect(counted(() => read(answer))).toEqual([answer, 0]);
  });
});

describe('the source of the engines', () => {
  const folder = join(import.meta.dirname, '../../src/engine');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const sourceOf = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const readers = ['shared/closed.ts', 'shared/stored-records.ts'];
  const others = files.filter((name) => !readers.includes(name));

  it('G22: casts nothing to a closed list, or to a record with a value of one: they are read', () => {
    const lists = /type Closed =([^;]+);/.exec(sourceOf('shared/closed.ts'))?.[1]?.match(/\w+/g) ?? [];
    const records = [...sourceOf('shared/stored-records.ts').matchAll(/Unread<(\w+)>/g)].map(([, name]) => name);
    expect(lists.length).toBeGreaterThan(10);
    expect(records.length).toBeGreaterThan(10);
    const names = [...new Set([...lists, ...records])].filter((name) => !['Value', 'Device'].includes(name ?? ''));
    const cast = new RegExp(`\\bas (unknown as )?(readonly )?(${names.join('|')})\\b`);
    const found = others.flatMap((name) =>
      sourceOf(name)
        .split('\n')
        .filter((line) => cast.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  it('G22: says what it takes parsed JSON for, except for contents', () => {
    const found = others.flatMap((name) =>
      sourceOf(name)
        .split('\n')
        .filter((line) => line.includes('JSON.parse(') && !/ as |\b(payload|data)\b/.test(line))
        .map((line) => `${name}: ${line.trim()}`),
    );
    expect(found).toEqual([]);
  });

  it('G22: names no closed list, and no value of one, in the type of a row', () => {
    const found = others.flatMap((name) =>
      [...sourceOf(name).matchAll(/interface \w*Row\b[^{]*\{([^}]*)\}/g)].flatMap(([, body = '']) =>
        [
          ...body
            .replaceAll(/\/\*[\s\S]*?\*\//g, '')
            .matchAll(/^.*(\['|'[A-Z_]+'|Kind|Role|Status|State|Change|Event\b).*$/gm),
        ].map(([line]) => `${name}: ${line.trim()}`),
      ),
    );
    expect(found).toEqual([]);
  });
});

describe('on Redis', () => {
  it('G22: connections and fates of a newer version read as known ones', async () => {
    const prefix = newPrefix();
    const keys = createKeys(prefix, 0);
    const redis = new Redis(sharedRedisUrl());
    const engine = await openEngineOn(sharedRedisUrl(), { prefix });
    await engine.connect(tenant, alice, {
      connectionId: connectionId('one'),
      deviceId: deviceId('phone'),
      sessionId: null,
      connectionType: 'OVER_QUIC' as ConnectionType,
    });
    const [presence] = await engine.readPresence(tenant, [alice]);
    expect(presence?.devices).toMatchObject([{ deviceId: 'phone', connectionType: 'WEBSOCKET' }]);
    expect(presence?.connectedBy).toEqual([null]);

    const conversationId = await createGroup(engine, alice);
    const sent = { conversationId, senderId: alice, key: { id: 'key', digest: 'd'.repeat(43) } };
    await engine.noteDiverted(tenant, sent, { fate: 'PUT_OFF' as 'DROPPED', messageId: null });
    expect(await engine.findSent(tenant, sent)).toEqual({ outcome: 'diverted', fate: 'DROPPED', messageId: null });
    const message = 'x.1.y' as MessageId;
    const other = { ...sent, key: { ...sent.key, id: 'other' } };
    await engine.noteDiverted(tenant, other, { fate: 'PUT_OFF' as 'DROPPED', messageId: message });
    expect(await engine.findSent(tenant, other)).toMatchObject({ messageId: message });
    const publication = {
      id: 'p' as PublicationId,
      topic: 'news' as Topic,
      payload: 1,
      senderId: alice,
      key: sent.key,
    };
    await engine.divertPublication(tenant, publication, { fate: 'PUT_OFF' as 'DROPPED', publication: null });
    expect(await engine.findPublished(tenant, publication)).toEqual({
      outcome: 'diverted',
      fate: 'DROPPED',
      publication: null,
    });
    expect(await redis.get(keys.published(tenant, publication.topic, alice, 'key'))).toContain('PUT_OFF');
    redis.disconnect();
    await engine.close();
  });
});
