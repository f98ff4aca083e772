/**
 * The member of a consumer that sends its events to a webhook, on the node that holds it.
 *
 * It pulls like any member, sends the events of each subject one after the other, and acknowledges. A failed event is
 * retried with a back-off of up to hours, and no later event of its subject is sent before.
 */
import { shownEvent } from '../domain/event-data.ts';
import type { BackOff, EventRecord, PulledEvents } from '../engine/shared/consumer.ts';
import type { KnownWebhook, WebhookHealth, WebhookName, WebhookRecord } from '../engine/shared/webhook.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { signedEvent } from './cloud-event.ts';
import { type AddressRules, Endpoint, type SendResult } from './endpoint.ts';
import { Pulling, type PullingParts } from './pulling.ts';

export interface WebhookMemberParts extends PullingParts {
  readonly addresses: AddressRules;
  /** How long a message may be unread before its readers count as not reached. */
  readonly unreachedAfterMs: number;
  readonly count: (outcome: SendResult['outcome']) => void;
}

const BACK_OFF: BackOff = { growth: 4, mostMs: TIMES.webhookRestMs };
const UNKNOWN: Omit<WebhookHealth, 'version'> = {
  failingSince: null,
  deliveredAt: null,
  error: null,
  disabledAt: null,
};

/** The outcome of the events that were pulled together. */
class Batch {
  readonly failed: string[] = [];
  /** Neither acknowledged nor counted as an attempt. */
  readonly returned: string[] = [];
  health: WebhookHealth;

  constructor(health: WebhookHealth) {
    this.health = health;
  }

  /** Records a result. Returns whether the next event of the subject may be sent. */
  note(id: string, delivery: SendResult, now: number): boolean {
    const { health } = this;
    if (delivery.outcome === 'delivered') {
      this.health = { ...health, failingSince: null, error: null, deliveredAt: now };
      return true;
    }
    this.failed.push(id);
    const failingSince = health.failingSince ?? now;
    const isOver = delivery.outcome === 'gone' || now - failingSince >= TIMES.webhookFailingMs;
    const error = 'error' in delivery ? delivery.error : 'Status 410.';
    this.health = { ...health, failingSince, error, disabledAt: isOver ? now : health.disabledAt };
    return false;
  }
}

export class WebhookMember {
  readonly #name: WebhookName;
  readonly #parts: WebhookMemberParts;
  readonly #endpoint: Endpoint;
  readonly #cut = new AbortController();
  readonly #pulling: Pulling;
  /** Resolves once no request is running. */
  readonly done: Promise<void>;

  constructor(name: WebhookName, parts: WebhookMemberParts) {
    this.#name = name;
    this.#parts = parts;
    this.#endpoint = new Endpoint(parts.addresses);
    this.#pulling = new Pulling(name, parts, {
      member: 'webhook',
      max: LIMITS.eventsPerWebhookPull,
      failure: 'events of a webhook not sent',
      handle: (pulled, pulledAt) => this.#handle(pulled, pulledAt),
    });
    this.done = this.#pulling.done.then(() => this.#endpoint.close());
  }

  /** Starts no more requests. Running ones may end. */
  end(): void {
    this.#pulling.end();
  }

  /** Aborts running requests; their events are sent again. */
  cut(): void {
    this.end();
    this.#cut.abort();
  }

  async #handle(pulled: PulledEvents, pulledAt: number): Promise<void> {
    const { engine } = this.#parts;
    const { tenant, consumer } = this.#name;
    const known = await engine.readWebhook(tenant, consumer);
    const batch = new Batch(known?.health ?? { ...UNKNOWN, version: known?.record.version ?? '' });
    if (!known || isDisabled(known)) {
      batch.returned.push(...pulled.events.map(({ id }) => id));
      this.#pulling.end();
    } else {
      await this.#send(known.record, pulled.events, batch, () => this.#isLate(pulledAt));
    }
    await this.#acknowledge(pulled, batch);
  }

  /** Sends the pulled events, some subjects at a time. */
  async #send(
    record: WebhookRecord,
    events: readonly EventRecord[],
    batch: Batch,
    isLate: () => boolean,
  ): Promise<void> {
    const subjects = [...Map.groupBy(events, ({ subject }) => subject).values()];
    const work = async (): Promise<void> => {
      for (let next = subjects.shift(); next; next = subjects.shift()) {
        await this.#sendInOrder(record, next, batch, isLate);
      }
    };
    await Promise.all(Array.from({ length: LIMITS.webhookRequests }, work));
  }

  /** After a failed event no further event of its subject is sent. */
  async #sendInOrder(
    record: WebhookRecord,
    events: readonly EventRecord[],
    batch: Batch,
    isLate: () => boolean,
  ): Promise<void> {
    let mayGoOn = true;
    for (const event of events) {
      mayGoOn &&= !this.#pulling.isOver && batch.health.disabledAt === null && !isLate();
      if (mayGoOn) mayGoOn = await this.#sendOne(record, event, batch);
      else batch.returned.push(event.id);
    }
  }

  async #sendOne(record: WebhookRecord, event: EventRecord, batch: Batch): Promise<boolean> {
    const { clock, count } = this.#parts;
    const now = clock.now();
    const signed = signedEvent(this.#name, record, shownEvent(event), { now, sentAt: now - clock.offset() });
    const delivery = await this.#endpoint.send(record.url, signed, record.timeoutMs, this.#cut.signal);
    if (this.#cut.signal.aborted && delivery.outcome !== 'delivered') {
      batch.returned.push(event.id);
      return false;
    }
    count(delivery.outcome);
    return batch.note(event.id, delivery, clock.now());
  }

  async #acknowledge({ token }: PulledEvents, { failed, returned, health }: Batch): Promise<void> {
    const { engine, log } = this.#parts;
    const { tenant, consumer } = this.#name;
    const isOff = health.disabledAt !== null;
    // Events of a disabled webhook are kept until it is enabled.
    const handling = { backOff: BACK_OFF, returned: isOff ? [...returned, ...failed] : returned };
    await engine.ackEvents(tenant, consumer, token, isOff ? [] : failed, handling);
    // After the acknowledgement, so that a shown error belongs to a finished attempt.
    if (health.version !== '') await engine.noteWebhook(tenant, consumer, health);
    if (isOff && !this.#pulling.isOver) log.warn({ tenant, consumer, error: health.error }, 'webhook disabled');
    if (isOff) this.#pulling.end();
  }

  /** Whether it is too late to send more: the events might be handed out again before their acknowledgement. */
  #isLate(pulledAt: number): boolean {
    return this.#parts.clock.elapsed() - pulledAt >= TIMES.eventAckMs - 2 * TIMES.longestWebhookMs;
  }
}

const isDisabled = ({ health }: KnownWebhook): boolean => health !== null && health.disabledAt !== null;
