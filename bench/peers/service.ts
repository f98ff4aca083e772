/** This service as it ships, on the engine that the environment names. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import type { ConversationId, TenantId, UserId } from '../../src/model.ts';
import { startService } from '../../src/service.ts';
import { conversationName } from '../payload.ts';
import { report } from './report.ts';
import { SECRET } from './secret.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'realtime-bench-'));
const config = readConfig({
  REDIS_URL: process.env['REDIS_URL'],
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dataDir,
  JWT_SECRET: SECRET,
  MAX_CONNECTIONS: '20000',
  RATE_LIMIT_ENABLED: 'false',
  MAX_CONNECTIONS_PER_USER: '1000000',
});
const { engine, port } = await startService(config, createLog('warn'));
const tenant = 'default' as TenantId;
const publisher = 'publisher' as UserId;

async function createConversation(index: number, members: readonly string[]): Promise<void> {
  const userIds = members as readonly UserId[];
  await engine.createConversation(tenant, {
    id: conversationName(index) as ConversationId,
    name: null,
    kind: 'ROOM',
    createdBy: publisher,
    members: [{ userId: publisher, role: 'OWNER' }, ...userIds.map((userId) => ({ userId, role: 'MEMBER' as const }))],
  });
}

report({
  port,
  async setup(members) {
    for (const [index, users] of members.entries()) await createConversation(index, users);
  },
  publish({ conversation, content }) {
    void engine.appendMessage(tenant, {
      conversationId: conversation as ConversationId,
      senderId: publisher,
      content,
      payload: null,
      replyToId: null,
      clientMessageId: null,
    });
  },
  stop: () => rmSync(dataDir, { recursive: true, force: true }),
});
