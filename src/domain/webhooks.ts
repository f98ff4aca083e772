/** Webhooks: the URLs to which the service itself sends the events of a consumer. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { UNREACHED } from '../engine/shared/consumer.ts';
import type { KnownWebhook, WebhookHealth } from '../engine/shared/webhook.ts';
import { badInput, notFound } from '../errors.ts';
import { LIMITS, TIMES } from '../limits.ts';
import type { Viewer } from '../model.ts';
import { requireBackEnd, requireEventRight } from './back-end.ts';
import { deadLetterKey } from './dead-letters.ts';
import { identifier, natural, optional } from './input.ts';

export interface WebhookInput {
  readonly consumer: string;
  readonly url: string;
  readonly timeoutMs?: number | null | undefined;
}

export type WebhookState = 'ENABLED' | 'FAILING' | 'DISABLED';

/** A webhook without its secret. */
export interface ShownWebhook extends Omit<WebhookHealth, 'version'> {
  readonly consumer: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly state: WebhookState;
}

export interface SavedWebhook {
  readonly webhook: ShownWebhook;
  /** The secret, which only this answer contains. */
  readonly secret: string;
  /** The time until which the previous secret signs as well; null: there was none. */
  readonly earlierUntil: number | null;
}

/** For back ends and admins of the tenant. */
export interface Webhooks {
  /** By consumer. */
  list(viewer: Viewer): Promise<ShownWebhook[]>;
  /** Replaces the webhook of the same consumer. The webhook is enabled, and events that wait for a retry are sent at once. */
  save(viewer: Viewer, input: WebhookInput): Promise<SavedWebhook>;
  delete(viewer: Viewer, consumer: string): Promise<boolean>;
  /** Sends dead letters after a cursor once more, and events that wait for a retry at once. Returns the number of dead letters. */
  redeliver(viewer: Viewer, consumer: string, after: string | null | undefined): Promise<number>;
}

const UNKNOWN: Omit<WebhookHealth, 'version'> = {
  failingSince: null,
  deliveredAt: null,
  error: null,
  disabledAt: null,
};

function shownWebhook({ record, health }: KnownWebhook): ShownWebhook {
  const { consumer, url, timeoutMs } = record;
  const { failingSince, deliveredAt, error, disabledAt } = health ?? UNKNOWN;
  const state = disabledAt !== null ? 'DISABLED' : failingSince !== null ? 'FAILING' : 'ENABLED';
  return { consumer, url, timeoutMs, state, failingSince, deliveredAt, error, disabledAt };
}

/** In the format of Standard Webhooks. */
const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

export function createWebhooks(engine: Engine, clock: Clock, isUrlAllowed: (url: string) => boolean): Webhooks {
  function urlOf(url: string): string {
    if (url.length <= LIMITS.webhookUrlCharacters && isUrlAllowed(url)) return url;
    throw badInput('url: must be allowed by WEBHOOK_ALLOWED_URLS of the service.');
  }

  function timeoutOf(given: number): number {
    const ms = natural(given, 'timeoutMs');
    if (ms < 1 || ms > TIMES.longestWebhookMs) throw badInput(`timeoutMs: must be 1 to ${TIMES.longestWebhookMs}.`);
    return ms;
  }

  async function requireConsumer(viewer: Viewer, name: string): Promise<void> {
    const consumers = await engine.readConsumers(viewer.tenant);
    const found = consumers.find((consumer) => consumer.name === name);
    if (!found) throw notFound('consumer');
    requireEventRight(viewer, found);
  }

  return {
    async list(viewer) {
      requireBackEnd(viewer);
      const all = (await engine.readWebhooks(viewer.tenant)).map(shownWebhook);
      const shown = all.filter(({ consumer }) => consumer !== UNREACHED);
      return shown.sort((one, other) => (one.consumer < other.consumer ? -1 : 1));
    },

    async save(viewer, input) {
      requireBackEnd(viewer);
      const { tenant } = viewer;
      const target = {
        consumer: identifier<string>(input.consumer, 'consumer'),
        url: urlOf(input.url),
        timeoutMs: optional(input.timeoutMs, timeoutOf) ?? TIMES.webhookMs,
        secret: newSecret(),
        version: randomUUID(),
      };
      await requireConsumer(viewer, target.consumer);
      const until = clock.now() + TIMES.earlierSecretMs;
      const hadOne = (await engine.readWebhook(tenant, target.consumer)) !== null;
      await engine.saveWebhook(tenant, target, until);
      await engine.redeliverEvents(tenant, target.consumer, null, 0);
      const webhook = shownWebhook({ record: target, health: null });
      return { webhook, secret: target.secret, earlierUntil: hadOne ? until : null };
    },

    async delete(viewer, consumer) {
      requireBackEnd(viewer);
      if (!(await engine.deleteWebhook(viewer.tenant, identifier<string>(consumer, 'consumer'))))
        throw notFound('webhook');
      return true;
    },

    async redeliver(viewer, consumer, after) {
      requireBackEnd(viewer);
      const name = identifier<string>(consumer, 'webhook');
      const key = optional(after, deadLetterKey);
      if (!(await engine.readWebhook(viewer.tenant, name))) throw notFound('webhook');
      const count = await engine.redeliverEvents(viewer.tenant, name, key, LIMITS.redeliveredEvents);
      if (count === null) throw notFound('consumer');
      return count;
    },
  };
}
