/** What a consumer of published numbers must have handed out, acknowledged and given up, whatever its members do. */
import type { Engine } from '../../src/engine/port.ts';
import type { DeadLetter, EventRecord, EventToken } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';

/** Events that were handed out together. */
export interface Batch {
  readonly token: EventToken;
  readonly events: readonly EventRecord[];
  /** The earliest time at which they were, in ms. */
  readonly from: number;
}

/** Names a publication: its topic and its number in it. */
export const keyOf = ({ subject, data }: Pick<DeadLetter, 'subject' | 'data'>): string =>
  `${subject} ${'payload' in data ? data.payload : ''}`;
export const numberOf = (key: string): number => Number(key.slice(key.lastIndexOf(' ')));
const partitionOf = ({ id }: EventRecord): number => Number(id.split('-', 1)[0]);

export class ConsumerModel {
  readonly handed = new Set<string>();
  readonly acked = new Set<string>();
  dead = new Set<string>();
  /** By partition: what was handed out last, unless it is acknowledged. */
  readonly #inHand = new Map<number, Batch>();
  /** The tokens and partitions that were acknowledged. */
  readonly #done = new Set<string>();
  /** By partition: the token that was acknowledged last. */
  readonly #last = new Map<number, string>();

  get pending(): number {
    return this.handed.size - this.acked.size - this.dead.size;
  }

  isDone(key: string): boolean {
    return this.acked.has(key) || this.dead.has(key);
  }

  isOpen(event: EventRecord): boolean {
    return !this.isDone(keyOf(event));
  }

  async noteDead(engine: Engine, tenant: TenantId, consumer: string): Promise<void> {
    const dead = await engine.listDeadLetters(tenant, consumer, null, 1_000);
    for (const event of dead) expect(event.attempt).toBe(LIMITS.eventAttempts);
    this.dead = new Set(dead.map(keyOf));
  }

  /** What members hold: nobody else may be handed these events until `now` is past their time. */
  held(): (now: number) => EventRecord[] {
    const batches = [...this.#inHand.values()];
    return (now) =>
      batches
        .filter(({ from }) => now < from + TIMES.eventAckMs)
        .flatMap(({ events }) => events)
        .filter((event) => this.isOpen(event));
  }

  handOut(batch: Batch): void {
    for (const event of batch.events) {
      this.handed.add(keyOf(event));
      this.#inHand.set(partitionOf(event), batch);
    }
  }

  /**
   * Acknowledges a batch; bit n of `failed`: not its nth event. Also a late acknowledgement counts, for each partition
   * whose events nobody was handed since. `acknowledge` gets the ids that failed, and answers what the engine told.
   */
  async ack(batch: Batch, failed: number, acknowledge: (failing: string[]) => Promise<string>): Promise<void> {
    const { events, token } = batch;
    const failing = events.filter((_, index) => failed & (1 << index));
    const before = new Map(this.#inHand);
    const outcome = await acknowledge(failing.map(({ id }) => id));
    for (const event of events) {
      const partition = partitionOf(event);
      if (before.get(partition) !== batch) continue;
      if (!failing.includes(event)) this.acked.add(keyOf(event));
      this.#inHand.delete(partition);
      this.#done.add(`${token.id} ${partition}`);
      this.#last.set(partition, token.id);
    }
    // Whether a batch that was acknowledged once is told so again is remembered until the next one of its partition is.
    if (events.every((event) => this.#last.get(partitionOf(event)) === token.id)) expect(outcome).toBe('acknowledged');
    if (events.some((event) => !this.#done.has(`${token.id} ${partitionOf(event)}`))) expect(outcome).toBe('late');
  }

  /** After a failover that lost something, nothing is known of what members hold. */
  forgetHeld(): void {
    this.#inHand.clear();
  }
}
