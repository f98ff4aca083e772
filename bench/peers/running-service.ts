/** This service as it ships, on the engine that the environment names. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.ts';
import { createLog } from '../../src/log.ts';
import type { ConversationId, TenantId, UserId } from '../../src/model.ts';
import { startService } from '../../src/service.ts';
import { conversationName } from '../payload.ts';
import { SECRET } from './secret.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'realtime-bench-'));
const config = readConfig({
  REDIS_URL: process.env['REDIS_URL'],
  HOST: '127.0.0.1',
  PORT: '0',
  DATA_DIR: dataDir,
  JWT_SECRET: SECRET,
  MAX_CONNECTIONS: '20000',
  RATE_LIMIT_ENABLED: process.env['RATE_LIMIT_ENABLED'],
  // These limits are counted but never reached.
  RATE_LIMIT_ADMISSIONS: '1000000',
  RATE_LIMIT_CONNECTIONS: '1000000',
  RATE_LIMIT_MESSAGES: '1000000',
  RATE_LIMIT_USER_MESSAGES: '1000000',
  RATE_LIMIT_TENANT_MESSAGES: '1000000',
  RATE_LIMIT_NODE_MESSAGES: '1000000',
  MAX_CONNECTIONS_PER_USER: '1000000',
});
export const { engine, port } = await startService(config, createLog('error'));
export const tenant = 'default' as TenantId;
export const publisher = 'publisher' as UserId;

/** Creates a conversation in which the publisher writes, and these users read. */
export async function createConversation(index: number, members: readonly string[]): Promise<ConversationId> {
  const id = conversationName(index) as ConversationId;
  const userIds = members as readonly UserId[];
  await engine.createConversation(tenant, {
    id,
    name: null,
    kind: 'ROOM',
    createdBy: publisher,
    members: [{ userId: publisher, role: 'OWNER' }, ...userIds.map((userId) => ({ userId, role: 'MEMBER' as const }))],
  });
  return id;
}

export const stop = (): void => rmSync(dataDir, { recursive: true, force: true });
