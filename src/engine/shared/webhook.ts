/** Webhooks of an engine: the part of the port that keeps where events of consumers are sent, and which node sends them. */
import type { TenantId } from '../../model.ts';

export interface WebhookTarget {
  /** The name of the consumer, and of the webhook. */
  readonly consumer: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly secret: string;
  /** Another one each time it is saved: health of an earlier one is not its own. */
  readonly version: string;
}

export interface WebhookRecord extends WebhookTarget {
  /** The secret before, which signs as well until then; absent when there is none. */
  readonly earlier?: { readonly secret: string; readonly until: number };
}

export interface WebhookHealth {
  readonly version: string;
  /** When the first delivery failed since one succeeded; null: the last one succeeded. */
  readonly failingSince: number | null;
  readonly deliveredAt: number | null;
  /** Why the last delivery that failed did. */
  readonly error: string | null;
  /** Nothing is sent since then; null: it is enabled. */
  readonly disabledAt: number | null;
}

export interface KnownWebhook {
  readonly record: WebhookRecord;
  /** Null: nothing was sent yet since it was saved. */
  readonly health: WebhookHealth | null;
}

export interface WebhookName {
  readonly tenant: TenantId;
  readonly consumer: string;
}

/** One node at a time sends the events of a webhook: the one that holds it (G24). */
export interface WebhookStore {
  /** In no order. */
  readWebhooks(tenant: TenantId): Promise<KnownWebhook[]>;
  readWebhook(tenant: TenantId, consumer: string): Promise<KnownWebhook | null>;
  /** In place of that of the same consumer, whose secret signs as well until `earlierUntil`. It is enabled. */
  saveWebhook(tenant: TenantId, target: WebhookTarget, earlierUntil: number): Promise<void>;
  /** False: there was none. */
  deleteWebhook(tenant: TenantId, consumer: string): Promise<boolean>;
  /** Notes how a webhook is. Nothing happens when it was saved anew or deleted since. One that is disabled is held by nobody. */
  noteWebhook(tenant: TenantId, consumer: string, health: WebhookHealth): Promise<void>;
  /** Holds for so long what this node holds already, and up to `most` more that nobody does. Answers all that it holds. */
  holdWebhooks(node: string, ms: number, most: number): Promise<WebhookName[]>;
  /** Others may hold at once what this node held. */
  leaveWebhooks(node: string): Promise<void>;
}
