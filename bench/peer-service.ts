/** The service itself, as the benchmark starts it. */
import { signToken } from '../src/auth/tokens.ts';
import { readConfig } from '../src/config.ts';
import { createLog } from '../src/log.ts';
import type { ConversationId, TenantId, UserId } from '../src/model.ts';
import { startService } from '../src/service.ts';
import type { Command, Report } from './peers.ts';

const SECRET = 'a-secret-of-the-benchmark-that-is-long-enough';
const config = readConfig({
  ...process.env,
  PORT: '0',
  DATA_DIR: ':memory:',
  JWT_SECRET: SECRET,
  REDIS_PREFIX: 'bench',
});
const service = await startService(config, createLog('warn'));
const tenant = 'default' as TenantId;
const user = 'bench' as UserId;
const conversationId = 'bench' as ConversationId;
await service.engine.createConversation(tenant, {
  id: conversationId,
  name: null,
  kind: 'ROOM',
  createdBy: user,
  members: [{ userId: user, role: 'OWNER' }],
});
const send = (report: Report): void => void process.send?.(report);
const token = await signToken({ secret: SECRET, userId: user, expiresAt: Math.floor(Date.now() / 1_000) + 3_600 });
send({ kind: 'listening', port: service.port, token });

process.on('message', (command: Command) => {
  if (command.kind === 'publish') {
    const { content } = command;
    void service.engine.appendMessage(tenant, {
      conversationId,
      senderId: user,
      content,
      payload: null,
      replyToId: null,
      clientMessageId: null,
    });
  } else send({ kind: 'cpu', ...process.cpuUsage() });
});
