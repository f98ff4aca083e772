/** Changes, reasons and entries that only a newer version knows: a node skips them, and keeps its place (G22). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { readListChanges } from '../../src/delivery/inbox/list-changes.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Announcement, Engine, LogEntry } from '../../src/engine/port.ts';
import { decodeAnnouncement, decodeHappening, decodeMember } from '../../src/engine/redis/codec.ts';
import { createKeys } from '../../src/engine/redis/keys.ts';
import { defineScripts } from '../../src/engine/redis/scripts.ts';
import { happeningOf } from '../../src/engine/shared/happening.ts';
import { LIMITS } from '../../src/limits.ts';
import type { ConversationId, MessageId, TenantId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { metrics } from '../support/metrics.ts';
import { connectRaw } from '../support/raw-client.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { alice, bob, createGroup, sendText, tenant, viewerOf } from '../support/world.ts';

const shared = onSharedRedis();
const prefix = shared.REDIS_PREFIX;
const keys = createKeys(prefix, 0);
let admin: Redis;
beforeAll(() => {
  admin = new Redis(shared.REDIS_URL);
});
afterAll(() => admin.disconnect());

/** Pins a message, as a node of a newer version would: with the script of that node. */
async function pin(of: TenantId, conversationId: ConversationId, id: string): Promise<void> {
  const { meta, messages, log, channel, streams, texts } = keys.conversation(of, conversationId);
  const content = '"content":"pinned","payload":null';
  const args = [0, '0', 1, id, 'nonce', 'PINNED', content, '', LIMITS.writtenPartCharacters];
  await defineScripts(admin)('change-message', [meta, messages, log, channel, streams, texts], args);
}

describe('on Redis', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ env: shared });
  });
  afterAll(() => service.close());

  it('G22: a change of an unknown kind reaches no stream, is counted, and makes no gap', async () => {
    const conversationId = 'c' as ConversationId;
    const ask = (query: string) => service.query('alice', `mutation { ${query} }`);
    await ask('createConversation(input: {id: "c", memberIds: ["bob"]}) { id }');
    const client = await service.connect('alice');
    const heard = await client.subscribe('subscription { messageReceived { content } }');
    const updated = await client.subscribe('subscription { messageUpdated { content } }');
    const inbox = await client.subscribe(`subscription { inbox { __typename
      ... on MessageSent { message { content } } ... on MessageChanged { change message { content } } } }`);
    const raw = await connectRaw(service, 'bob');
    const first = (await ask('sendMessage(input: {conversationId: "c", content: "1"}) { id position }')).data
      .sendMessage;
    await ask(`editMessage(id: "${first.id}", content: "one") { id }`);
    await pin('default' as TenantId, conversationId, first.id);
    await ask('sendMessage(input: {conversationId: "c", content: "2"}) { id }');
    await heard.count(2);
    const told = () => inbox.events.map((event) => event.inbox).filter(({ message }) => message);
    await eventually(() => expect(told()).toHaveLength(3));
    expect(told().map(({ change, message }) => [change, message.content])).toEqual([
      [undefined, '1'],
      ['EDITED', 'one'],
      [undefined, '2'],
    ]);
    expect((await updated.count(1)).map((event) => event.messageUpdated.content)).toEqual(['one']);
    await raw.received('RoomMessage', 2);
    expect([...heard.errors, ...updated.errors, ...inbox.errors]).toEqual([]);
    const counted = await metrics(service.url, ['realtime_unknown_announcements_total', 'realtime_holes_total']);
    expect(counted).toEqual([1, 0]);
    // The edit is not the last change of the message, so a reader who comes back gets it with the unknown one.
    const returned = await client.subscribe(
      `subscription { messageUpdated(after: ["${first.position}"]) { content } }`,
    );
    await returned.count(1);
    expect(returned.events[0]?.messageUpdated.content).toBe('pinned');
    await raw.close();
    await client.close();
  });
});

describe('an announcement of a newer version', () => {
  const position = { epoch: 'e', place: 1 };

  it('G22: keeps its position without an unknown change, which is no event of consumers', () => {
    const pinned = decodeAnnouncement({ type: 'message', change: 'PINNED', message: { position } });
    expect(pinned).toMatchObject({ type: 'message', change: null, message: { position } });
    expect(happeningOf(pinned as Announcement)).toBeNull();
  });

  it('G22: of an unknown kind may be an event of consumers, and of what no script publishes is none', () => {
    expect([{ type: 'pin', message: { position } }, { type: 'message' }, null].map(decodeHappening)).toEqual([
      'unknown',
      null,
      null,
    ]);
  });

  it('G22: a member with an unknown role has the rights of a MEMBER', () => {
    const stored = (role: string) => `${role}:1:2:0:0:1:e`;
    expect(decodeMember('bob', stored('OWNER')).role).toBe('OWNER');
    for (const role of ['BANNED', 'toString', '']) expect(decodeMember('bob', stored(role)).role).toBe('MEMBER');
  });

  it('G22: loses an unknown reason of a departure', () => {
    const left = { type: 'conversation', conversation: { kind: 'GROUP', position }, joined: [], left: ['bob'] };
    expect(decodeAnnouncement({ ...left, why: 'REMOVED' })).toEqual({ ...left, why: 'REMOVED' });
    expect(decodeAnnouncement({ ...left, why: 'BANNED' })).toEqual(left);
  });
});

interface Stored {
  readonly engine: Engine;
  /** Writes the change and the list's event of a newer version over the last entries. */
  overwrite(id: ConversationId, message: MessageId): Promise<Engine>;
}

const clock = new TestClock();
const folder = mkdtempSync(join(tmpdir(), 'unknown-'));
const openFile = (): Engine => openEmbeddedEngine({ dataDir: folder, retention: null, clock });
afterAll(() => rmSync(folder, { recursive: true }));

const ENGINES: Readonly<Record<string, () => Promise<Stored>>> = {
  Embedded: async () => {
    const engine = openFile();
    return {
      engine,
      async overwrite() {
        await engine.close();
        const file = new DatabaseSync(join(folder, 'realtime.db'));
        file.exec("UPDATE log SET change = 'PINNED' WHERE change = 'EDITED'; UPDATE user_log SET event = 'MOVED'");
        file.close();
        return openFile();
      },
    };
  },
  Redis: async () => {
    const engine = await openEngineOn(shared.REDIS_URL, { prefix, clock });
    return {
      engine,
      async overwrite(id, message) {
        await pin(tenant, id, message);
        // A read of the list applies the membership that waits for it.
        await engine.readUserLog(tenant, bob, null, 1);
        const log = keys.user(tenant, bob).list.find((name) => name.endsWith(':log')) ?? '';
        const joined = await admin.xrange(log, '-', '+');
        const [place = '', [, , , , , epoch = ''] = []] = joined.at(-1) ?? [];
        await admin.multi().del(log).xadd(log, place, 'c', id, 'v', 'MOVED', 'e', epoch).exec();
        return engine;
      },
    };
  },
};

describe.each(Object.entries(ENGINES))('%s', (_, open) => {
  it('G22: entries with an unknown change or event are read without it', async () => {
    const stored = await open();
    const before = await stored.engine.readUserLog(tenant, bob, null, 1);
    const id = await createGroup(stored.engine, alice, bob);
    const message = await sendText(stored.engine, id, alice, '1');
    await stored.engine.editMessage(tenant, message.id, 'one', null);
    const engine = await stored.overwrite(id, message.id);
    const { head } = before as Extract<typeof before, { outcome: 'read' }>;
    const listed = await engine.readUserLog(tenant, bob, head, 9);
    expect(listed).toMatchObject({ entries: [{ conversationId: id, event: null, place: head.place + 1 }] });
    const { of, head: end } = await readListChanges(engine, viewerOf(bob), head);
    expect({ of, place: end.place }).toEqual({ of: new Map(), place: head.place + 1 });
    const page = await engine.readLog(tenant, id, message.position, 10);
    const entries: readonly LogEntry[] = page.outcome === 'read' ? page.entries : [];
    expect(entries.at(-1)).toMatchObject({ change: null, isLast: true, message: { id: message.id } });
    await engine.close();
  });
});
