/** The loop of a member of a consumer: it pulls events, has them handled, and waits for more. */
import type { Clock } from '../clock.ts';
import type { EventWaits } from '../domain/event-waits.ts';
import type { Engine } from '../engine/port.ts';
import type { PulledEvents } from '../engine/shared/consumer.ts';
import type { WebhookName } from '../engine/shared/webhook.ts';
import { TIMES } from '../limits.ts';
import type { Log } from '../log.ts';
import { Pauses } from './pauses.ts';

export interface PullingParts {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly waits: EventWaits;
}

interface Work {
  readonly member: string;
  /** The most events of one pull. */
  readonly max: number;
  /** The line of the log when a turn failed. The engine hands out its events again. */
  readonly failure: string;
  /** `pulledAt`: by `Clock.elapsed`, before the pull. */
  readonly handle: (pulled: PulledEvents, pulledAt: number) => Promise<void>;
}

export class Pulling {
  readonly #name: WebhookName;
  readonly #parts: PullingParts;
  readonly #work: Work;
  readonly #pauses: Pauses;
  /** Resolves once `end` was called and nothing is handled any more. */
  readonly done: Promise<void>;

  constructor(name: WebhookName, parts: PullingParts, work: Work) {
    this.#name = name;
    this.#parts = parts;
    this.#work = work;
    this.#pauses = new Pauses(parts.clock);
    this.done = this.#run();
  }

  get isOver(): boolean {
    return this.#pauses.isOver;
  }

  /** Pulls no more events. Events that are being handled may finish. */
  end(): void {
    this.#pauses.end();
  }

  /** Waits as part of handling events; `end` ends the wait. */
  pause(ms: number): Promise<void> {
    return this.#pauses.pause(ms);
  }

  async #run(): Promise<void> {
    while (!this.isOver) {
      try {
        await this.#turn();
      } catch (error) {
        this.#parts.log.debug({ err: error, ...this.#name }, this.#work.failure);
        await this.pause(TIMES.webhookAgainMs);
      }
    }
  }

  async #turn(): Promise<void> {
    const { engine, waits, clock } = this.#parts;
    const { tenant, consumer } = this.#name;
    const { member, max, handle } = this.#work;
    const arrivals = await engine.readArrivals(tenant);
    const pulledAt = clock.elapsed();
    const pulled = await engine.pullEvents(tenant, consumer, { member, max });
    if (!pulled) return this.pause(TIMES.webhookAgainMs);
    if (pulled.events.length > 0) return handle(pulled, pulledAt);
    if (!pulled.isPart) await waits.wait(tenant, arrivals, TIMES.eventLookMs, () => this.isOver);
  }
}
