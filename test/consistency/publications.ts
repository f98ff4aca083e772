/** Publications on a topic, each sent once: where the answer is lost, its outcome is unknown. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Trial } from './client.ts';
import { OWNER } from './users.ts';

export const TOPIC = 'news';
const PACE_MS = 60;

export interface Published {
  readonly payload: number;
  readonly askedAt: number;
  readonly acknowledgedAt: number;
}

export class Publications {
  readonly acknowledged: Published[] = [];
  readonly #trial: Trial;
  #count = 0;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      await this.publish();
      await wait(PACE_MS * (0.5 + this.#trial.random()));
    }
  }

  async publish(): Promise<void> {
    this.#count += 1;
    const payload = this.#count;
    const askedAt = performance.now();
    const { data } = await this.#trial.once(
      OWNER,
      `mutation { publish(topic: "${TOPIC}", payload: ${payload}) { id } }`,
    );
    if (data) this.acknowledged.push({ payload, askedAt, acknowledgedAt: performance.now() });
  }
}
