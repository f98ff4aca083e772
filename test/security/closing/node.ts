/**
 * A service in a process of its own, with a clock that its parent moves. Started by `startNode`: if it hangs, no test
 * hangs. SIGTERM stops it as it stops the service.
 */
import { randomUUID } from 'node:crypto';
import { readConfig } from '../../../src/config.ts';
import { encodePosition } from '../../../src/domain/cursor.ts';
import { isOutage } from '../../../src/errors.ts';
import { createLog } from '../../../src/log.ts';
import type { ConversationId, TenantId, UserId } from '../../../src/model.ts';
import { startService } from '../../../src/service.ts';
import { TestClock } from '../../support/test-clock.ts';

const clock = new TestClock();
const service = await startService(readConfig(process.env), createLog(process.env['TEST_LOG'] ?? 'silent'), { clock });

const tenant = 'default' as TenantId;

/** A busy machine makes an engine slow: what it could not do in time is done once more. */
async function evenWhenAway<Value>(work: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isOutage(error)) throw error;
    }
  }
}

/** Long messages of one user, so that a reader who does not read is soon behind; answers the position before them. */
async function fill(id: string, users: string[], count: number, bytes: number): Promise<string> {
  const { engine } = service;
  const conversationId = id as ConversationId;
  const members = users.map((user, index) => ({
    userId: user as UserId,
    role: index === 0 ? ('OWNER' as const) : ('MEMBER' as const),
  }));
  const createdBy = users[0] as UserId;
  const created = await engine.createConversation(tenant, {
    id: conversationId,
    name: id,
    kind: 'GROUP',
    createdBy,
    members,
  });
  const payload = { text: 'x'.repeat(bytes) };
  for (let sent = 0; sent < count; sent += 50) {
    await Promise.all(
      Array.from({ length: Math.min(50, count - sent) }, () =>
        evenWhenAway(() =>
          engine.appendMessage(tenant, {
            conversationId,
            senderId: createdBy,
            content: randomUUID(),
            payload,
            replyToId: null,
            clientMessageId: null,
            key: null,
          }),
        ),
      ),
    );
  }
  if (!('conversation' in created)) throw new Error(created.outcome);
  return encodePosition(conversationId, created.conversation.position);
}

/** What this process listens to for its clients, by kind. Rules are listened to for the service itself. */
const listening = new Map<string, number>();

function countListening(): void {
  const { engine } = service;
  const listen = engine.listen.bind(engine);
  const count = (kind: string, by: number): void => void listening.set(kind, (listening.get(kind) ?? 0) + by);
  Object.assign(engine, {
    async listen(...[channel, listener]: Parameters<typeof listen>) {
      const opened = await listen(channel, listener);
      count(channel.kind, 1);
      let isOpen = true;
      return {
        get heardAt() {
          return opened.heardAt;
        },
        close() {
          if (isOpen) count(channel.kind, -1);
          isOpen = false;
          return opened.close();
        },
      };
    },
  } satisfies Pick<typeof engine, 'listen'>);
}

/** Messages from this process itself, as from another client. */
async function publish(id: string, sender: string, count: number, bytes: number): Promise<void> {
  const message = { payload: { text: 'x'.repeat(bytes) }, replyToId: null, clientMessageId: null, key: null };
  for (let sent = 0; sent < count; sent += 1) {
    const [conversationId, senderId] = [id as ConversationId, sender as UserId];
    const own = { ...message, conversationId, senderId, content: randomUUID() };
    await evenWhenAway(() => service.engine.appendMessage(tenant, own));
  }
}

const COMMANDS = {
  publish,
  listening: async () => Object.fromEntries(listening),
  fill,
  advance: async (ms: number) => clock.advance(ms),
  port: async () => service.port,
  timers: async () => clock.pending,
} as const;

export type Commands = typeof COMMANDS;

countListening();
process.on('message', ({ id, name, args }: { id: number; name: keyof Commands; args: never[] }) => {
  const run = COMMANDS[name] as (...given: never[]) => Promise<unknown>;
  run(...args).then(
    (result) => process.send?.({ id, result }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
process.once('SIGTERM', () => void service.close().then(() => process.exit(0)));
// Whoever started it is gone.
process.on('disconnect', () => process.exit(1));
process.send?.('started');
