/**
 * Starts and stops the search for users of a tenant who were not reached.
 *
 * A consumer of the service itself receives every message. It exists while a consumer of the tenant wants
 * USER_UNREACHED, and one node at a time holds it, like a webhook.
 */
import { randomUUID } from 'node:crypto';
import type { Engine } from '../engine/port.ts';
import { UNREACHED } from '../engine/shared/consumer.ts';
import { ServiceError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConsumerRecord, TenantId } from '../model.ts';

const OWN: ConsumerRecord = {
  name: UNREACHED,
  events: ['MESSAGE_SENT', 'MESSAGE_FINISHED'],
  conversations: null,
  topics: null,
};

export const wantsUnreached = ({ events }: ConsumerRecord): boolean => events.includes('USER_UNREACHED');

/** Starts the search. @throws {ServiceError} CONFLICT: the tenant has too many consumers. */
export async function lookForUnreached(engine: Engine, tenant: TenantId): Promise<void> {
  const { outcome } = await engine.saveConsumer(tenant, OWN, 'NOW');
  if (outcome === 'full') {
    throw new ServiceError('CONFLICT', `A tenant has at most ${LIMITS.consumersPerTenant} consumers.`);
  }
  const held = await engine.readWebhook(tenant, UNREACHED);
  if (held) return;
  await engine.saveWebhook(
    tenant,
    { consumer: UNREACHED, url: '', timeoutMs: 0, secret: '', version: randomUUID() },
    0,
  );
}

/** Stops the search when no consumer wants its events. */
export async function stopUnwantedSearch(engine: Engine, tenant: TenantId): Promise<void> {
  const isWanted = async (): Promise<boolean> => (await engine.readConsumers(tenant)).some(wantsUnreached);
  const all = await engine.readConsumers(tenant);
  if (all.some(wantsUnreached) || !all.some(({ name }) => name === UNREACHED)) return;
  await engine.deleteWebhook(tenant, UNREACHED);
  await engine.deleteConsumer(tenant, UNREACHED);
  // A consumer that was saved meanwhile may have found the search still running.
  if (await isWanted()) await lookForUnreached(engine, tenant);
}
