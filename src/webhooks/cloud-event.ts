/** An event as a webhook sends it: a CloudEvent 1.0 in the structured form, signed by Standard Webhooks. */
import { createHash } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { WebhookName, WebhookRecord } from '../engine/shared/webhook.ts';
import type { ShownEvent } from '../model.ts';
import type { SignedEvent } from './endpoint.ts';

/** The id of a delivery: the same for each attempt of an event, and different for any other event or webhook. */
function messageId({ tenant, consumer }: WebhookName, eventId: string): string {
  const name = JSON.stringify([tenant, consumer, eventId]);
  return `msg_${createHash('sha256').update(name).digest('base64url').slice(0, 27)}`;
}

function bodyOf({ tenant }: WebhookName, { id, type, subject, time, data }: ShownEvent): string {
  return JSON.stringify({
    specversion: '1.0',
    id,
    source: `/tenants/${encodeURIComponent(tenant)}`,
    type,
    subject,
    time: new Date(time).toISOString(),
    datacontenttype: 'application/json',
    data,
  });
}

/** Two secrets sign while one is being replaced. */
function secretsOf({ secret, earlier }: WebhookRecord, now: number): string[] {
  return earlier && earlier.until > now ? [secret, earlier.secret] : [secret];
}

/** `sentAt`: by the clock of this machine, which the receiver compares with its own. */
export function signedEvent(
  name: WebhookName,
  record: WebhookRecord,
  event: ShownEvent,
  { now, sentAt }: { readonly now: number; readonly sentAt: number },
): SignedEvent {
  const id = messageId(name, event.id);
  const body = bodyOf(name, event);
  const date = new Date(sentAt);
  const signatures = secretsOf(record, now).map((secret) => new Webhook(secret).sign(id, date, body));
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(sentAt / 1_000)),
    'webhook-signature': signatures.join(' '),
  };
  return { headers, body };
}
