/** The part of the port for webhooks: their targets, and the node that sends the events of each. */
import type { TenantId } from '../../model.ts';

export interface WebhookTarget {
  /** The name of the consumer, and of the webhook. */
  readonly consumer: string;
  readonly url: string;
  readonly timeoutMs: number;
  readonly secret: string;
  /** Changes each time the webhook is saved, so that the health of an earlier version is not mistaken for its own. */
  readonly version: string;
}

export interface WebhookRecord extends WebhookTarget {
  /** The previous secret, which also signs until `until`; absent when there is none. */
  readonly earlier?: { readonly secret: string; readonly until: number };
}

export interface WebhookHealth {
  readonly version: string;
  /** When the present series of failures began; null: the last delivery succeeded. */
  readonly failingSince: number | null;
  readonly deliveredAt: number | null;
  /** The error of the last failed delivery. */
  readonly error: string | null;
  /** When it was disabled; null: it is enabled. */
  readonly disabledAt: number | null;
}

export interface KnownWebhook {
  readonly record: WebhookRecord;
  /** Null: nothing was sent since it was saved. */
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
  /** Replaces and enables the webhook of the same consumer. Its previous secret also signs until `earlierUntil`. */
  saveWebhook(tenant: TenantId, target: WebhookTarget, earlierUntil: number): Promise<void>;
  /** False: there was none. */
  deleteWebhook(tenant: TenantId, consumer: string): Promise<boolean>;
  /**
   * Stores the health of a webhook. Ignored when it was saved again or deleted since. A disabled webhook is held by no
   * node.
   */
  noteWebhook(tenant: TenantId, consumer: string, health: WebhookHealth): Promise<void>;
  /**
   * Extends the hold on this node's webhooks by `ms`, and takes up to `most` more that no node holds. Returns all that
   * it holds.
   */
  holdWebhooks(node: string, ms: number, most: number): Promise<WebhookName[]>;
  /** Releases this node's webhooks, so that others may hold them at once. */
  leaveWebhooks(node: string): Promise<void>;
}
