/** Webhooks in Redis. All are in one slot, since they are few and a webhook changes in one step with its holder. */
import type { Clock } from '../../clock.ts';
import type { KnownWebhook, WebhookHealth, WebhookName, WebhookRecord, WebhookStore } from '../shared/webhook.ts';
import { attempt } from './attempt.ts';
import type { RedisClient } from './client.ts';
import type { Keys } from './keys.ts';
import type { RunScript } from './scripts.ts';

/** Names a webhook among those of all tenants. */
const fieldOf = ({ tenant, consumer }: WebhookName): string => JSON.stringify([tenant, consumer]);

function nameOf(field: string): WebhookName {
  const [tenant, consumer] = JSON.parse(field) as [WebhookName['tenant'], string];
  return { tenant, consumer };
}

function knownOf(record: string, health: string | null | undefined): KnownWebhook {
  const known = JSON.parse(record) as WebhookRecord;
  const state = health ? (JSON.parse(health) as WebhookHealth) : null;
  return { record: known, health: state?.version === known.version ? state : null };
}

export function createWebhooks(client: RedisClient, run: RunScript, keys: Keys, clock: Clock): WebhookStore {
  return {
    async readWebhooks(tenant) {
      const { records, healths } = keys.webhooks(tenant);
      const [all, states] = await attempt(() => Promise.all([client.hgetall(records), client.hgetall(healths)]));
      return Object.entries(all).map(([consumer, record]) => knownOf(record, states[consumer]));
    },

    async readWebhook(tenant, consumer) {
      const { records, healths } = keys.webhooks(tenant);
      const read = () => Promise.all([client.hget(records, consumer), client.hget(healths, consumer)]);
      const [record, health] = await attempt(read);
      return record === null ? null : knownOf(record, health);
    },

    async saveWebhook(tenant, target, earlierUntil) {
      const { records, holders } = keys.webhooks(tenant);
      const { consumer } = target;
      const args = [consumer, JSON.stringify(target), earlierUntil, fieldOf({ tenant, consumer })];
      await run('save-webhook', [records, holders], args);
    },

    async deleteWebhook(tenant, consumer) {
      const { records, healths, holders } = keys.webhooks(tenant);
      const args = [consumer, fieldOf({ tenant, consumer })];
      return (await run('delete-webhook', [records, healths, holders], args)) === 1;
    },

    async noteWebhook(tenant, consumer, health) {
      const { records, healths, holders } = keys.webhooks(tenant);
      const isDisabled = health.disabledAt === null ? '0' : '1';
      const args = [consumer, health.version, JSON.stringify(health), isDisabled, fieldOf({ tenant, consumer })];
      await run('note-webhook', [records, healths, holders], args);
    },

    async holdWebhooks(node, ms, most) {
      const held = await run('hold-webhooks', [keys.webhookHolders], [clock.offset(), node, ms, most]);
      return (held as string[]).map(nameOf);
    },

    async leaveWebhooks(node) {
      await run('leave-webhooks', [keys.webhookHolders], [node]);
    },
  };
}
