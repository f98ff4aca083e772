/** The webhooks whose events this node sends: it looks for unheld webhooks at intervals and holds them. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Engine } from '../engine/port.ts';
import { UNREACHED } from '../engine/shared/consumer.ts';
import type { WebhookName } from '../engine/shared/webhook.ts';
import { LIMITS, TIMES } from '../limits.ts';
import { WebhookMember, type WebhookMemberParts } from './member.ts';
import { UnreachedMember } from './unreached-member.ts';

const keyOf = ({ tenant, consumer }: WebhookName): string => JSON.stringify([tenant, consumer]);

export class WebhookSenders {
  readonly #node = randomUUID();
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #parts: WebhookMemberParts;
  readonly #members = new Map<string, WebhookMember | UnreachedMember>();
  readonly #stopLooking: () => void;
  /** When the engine last confirmed that this node holds its webhooks. */
  #heldAt: number;
  #isLooking: Promise<void> | null = null;
  #isOver = false;

  constructor(parts: WebhookMemberParts) {
    this.#engine = parts.engine;
    this.#clock = parts.clock;
    this.#parts = parts;
    this.#heldAt = parts.clock.elapsed();
    this.#stopLooking = parts.clock.every(TIMES.webhookLookMs, () => this.#look());
  }

  /** Webhooks that this node holds. */
  get held(): number {
    return this.#members.size;
  }

  /** Starts no more requests. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopLooking();
    for (const member of this.#members.values()) member.end();
  }

  /** Ends once no request is running. Slow requests are aborted, and other nodes send their events again. */
  async close(): Promise<void> {
    this.end();
    const cancel = this.#clock.after(TIMES.drainGraceMs, () => this.#cutAll());
    await this.#isLooking;
    await Promise.all([...this.#members.values()].map(({ done }) => done));
    cancel();
    await this.#engine.leaveWebhooks(this.#node).catch(() => undefined);
  }

  #look(): void {
    this.#isLooking ??= this.#hold().finally(() => {
      this.#isLooking = null;
    });
  }

  async #hold(): Promise<void> {
    const askedAt = this.#clock.elapsed();
    try {
      const held = await this.#engine.holdWebhooks(this.#node, TIMES.nodeLeaseMs, LIMITS.webhooksPerLook);
      this.#heldAt = askedAt;
      this.#keep(held);
    } catch (error) {
      this.#parts.log.debug({ err: error }, 'webhooks not held');
      if (this.#clock.elapsed() - this.#heldAt >= TIMES.nodeLeaseMs) this.#keep([]);
    }
  }

  /** Ends members that other nodes may hold now, and begins new ones. */
  #keep(held: readonly WebhookName[]): void {
    if (this.#isOver) return;
    const kept = new Set(held.map(keyOf));
    for (const [key, member] of this.#members) if (!kept.has(key)) member.cut();
    for (const name of held) if (!this.#members.has(keyOf(name))) this.#begin(name);
  }

  #begin(name: WebhookName): void {
    const key = keyOf(name);
    const member =
      name.consumer === UNREACHED ? new UnreachedMember(name, this.#parts) : new WebhookMember(name, this.#parts);
    this.#members.set(key, member);
    void member.done.then(() => this.#members.delete(key));
  }

  #cutAll(): void {
    for (const member of this.#members.values()) member.cut();
  }
}
