/** What the contract suite is given: an engine of its own, and a way to open a second on the same storage. */
import { randomUUID } from 'node:crypto';
import type { Announcement, Channel, Engine, Listening } from '../../src/engine/port.ts';
import { createLog } from '../../src/log.ts';
import type {
  ConnectionId,
  ConversationId,
  DeviceId,
  MessageRecord,
  Retention,
  TenantId,
  Topic,
  UserId,
  Viewer,
} from '../../src/model.ts';
import type { TestClock } from './test-clock.ts';

export interface World {
  readonly engine: Engine;
  readonly clock: TestClock;
  /** Another node on the same storage; the engine itself where there can be only one. */
  readonly other: Engine;
  close(): Promise<void>;
}

export interface WorldOptions {
  readonly retention?: Retention;
  readonly conversationsPerUser?: number;
  readonly abandonedAfterMs?: number;
}

export type OpenWorld = (options?: WorldOptions) => Promise<World>;

export const silentLog = createLog(process.env['TEST_LOG'] ?? 'silent');

/** How far the clock of an engine, whole milliseconds of the same machine, may be from that of the test. */
export const APART_MS = 1_000;

export const tenant = 'acme' as TenantId;
export const alice = 'alice' as UserId;
export const bob = 'bob' as UserId;
export const carol = 'carol' as UserId;

export const userId = (id: string): UserId => id as UserId;
export const connectionId = (id: string): ConnectionId => id as ConnectionId;
export const deviceId = (id: string): DeviceId => id as DeviceId;
export const newConversationId = (): ConversationId => randomUUID() as string as ConversationId;

/** A user of the test's tenant, by a token of the platform that says nothing else and does not end. */
export const viewerOf = (id: UserId, more: Partial<Viewer> = {}): Viewer => ({
  tenant,
  userId: id,
  scopes: new Set(),
  sessionId: null,
  deviceId: null,
  issuedAt: null,
  topics: { publish: null, subscribe: null },
  expiresAt: Number.POSITIVE_INFINITY,
  ...more,
});

/** A group of these users, the first its owner. */
export async function createGroup(engine: Engine, ...users: UserId[]): Promise<ConversationId> {
  const id = newConversationId();
  await engine.createConversation(tenant, {
    id,
    name: 'Group',
    kind: 'GROUP',
    createdBy: users[0] ?? alice,
    members: users.map((user, index) => ({ userId: user, role: index === 0 ? 'OWNER' : 'MEMBER' })),
  });
  return id;
}

export const text = (conversationId: ConversationId, senderId: UserId, content: string, clientMessageId?: string) => ({
  conversationId,
  senderId,
  content,
  payload: null,
  replyToId: null,
  clientMessageId: clientMessageId ?? null,
  key: clientMessageId === undefined ? null : { id: clientMessageId, digest: 'same' },
});

/** Listens and keeps what is announced. */
export async function record(
  engine: Engine,
  channel: Channel,
): Promise<{ readonly heard: Announcement[]; readonly interruptions: () => number; readonly listening: Listening }> {
  const heard: Announcement[] = [];
  let interruptions = 0;
  const listening = await engine.listen(channel, {
    onAnnouncement: (announcement) => heard.push(announcement),
    onInterrupted: () => {
      interruptions += 1;
    },
  });
  return { heard, interruptions: () => interruptions, listening };
}

/** The right to hear topics, which never ends. */
export const subscribeRight = (topics: readonly Topic[]) => ({
  topics,
  check: () => true,
  isKnown: () => true,
  watch: () => () => undefined,
});

/** Sends a message that is stored. */
export async function sendText(engine: Engine, ...args: Parameters<typeof text>): Promise<MessageRecord> {
  const append = await engine.appendMessage(tenant, text(...args));
  if (!('message' in append)) throw new Error(append.outcome);
  return append.message;
}
