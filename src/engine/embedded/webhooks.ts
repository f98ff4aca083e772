/** Webhooks in SQLite. There is no other node that could send their events. */

import type { KnownWebhook, WebhookHealth, WebhookName, WebhookRecord, WebhookStore } from '../shared/webhook.ts';
import type { Database } from './database.ts';

interface Row {
  readonly record: string;
  readonly health: string | null;
}

function knownOf({ record, health }: Row): KnownWebhook {
  return {
    record: JSON.parse(record) as WebhookRecord,
    health: health === null ? null : (JSON.parse(health) as WebhookHealth),
  };
}

export function createWebhooks(database: Database): WebhookStore {
  const selectAll = database.prepare('SELECT record, health FROM webhooks WHERE tenant = ?');
  const selectOne = database.prepare('SELECT record, health FROM webhooks WHERE tenant = ? AND consumer = ?');
  const selectEnabled = database.prepare('SELECT tenant, consumer FROM webhooks WHERE is_enabled = 1');
  const put = database.prepare(
    'INSERT OR REPLACE INTO webhooks (tenant, consumer, record, is_enabled) VALUES (?, ?, ?, 1)',
  );
  const note = database.prepare('UPDATE webhooks SET health = ?, is_enabled = ? WHERE tenant = ? AND consumer = ?');
  const drop = database.prepare('DELETE FROM webhooks WHERE tenant = ? AND consumer = ? RETURNING consumer');

  function find(tenant: WebhookName['tenant'], consumer: string): KnownWebhook | null {
    const row = selectOne.get(tenant, consumer) as Row | undefined;
    return row ? knownOf(row) : null;
  }

  return {
    readWebhooks: async (tenant) => database.read(() => (selectAll.all(tenant) as unknown as Row[]).map(knownOf)),
    readWebhook: async (tenant, consumer) => database.read(() => find(tenant, consumer)),

    async saveWebhook(tenant, target, earlierUntil) {
      const { consumer } = target;
      await database.write(() => {
        const before = find(tenant, consumer)?.record;
        const earlier = before && { secret: before.secret, until: earlierUntil };
        put.run(tenant, consumer, JSON.stringify({ ...target, ...(earlier && { earlier }) } satisfies WebhookRecord));
      });
    },

    deleteWebhook: async (tenant, consumer) => database.write(() => drop.get(tenant, consumer) !== undefined),

    async noteWebhook(tenant, consumer, health) {
      await database.write(() => {
        if (find(tenant, consumer)?.record.version !== health.version) return;
        note.run(JSON.stringify(health), health.disabledAt === null ? 1 : 0, tenant, consumer);
      });
    },

    holdWebhooks: async () => database.read(() => selectEnabled.all() as unknown as WebhookName[]),
    leaveWebhooks: async () => undefined,
  };
}
