/** What every actor of a trial does: ask a node, try again while the outcome is unknown, and stop when told. */
import { setTimeout as wait } from 'node:timers/promises';
import { pick, type Random } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Loss } from './lossy-pair.ts';
import { type TrialNode, type TrialWorld, tokenOf } from './world.ts';

const ANSWER_MS = 5_000;
const RETRY_MS = 50;
/** Refused for now, or with an unknown outcome: the same again is right. */
const AGAIN = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

export interface Answer {
  readonly data: Data;
  /** Null: it was answered in full. */
  readonly code: string | null;
}

export class Trial {
  readonly world: TrialWorld;
  readonly random: Random;
  readonly breaches: string[] = [];
  isOver = false;
  /** The longest time in which no change was acknowledged. */
  longestGapMs = 0;
  #lastAcknowledgedAt: number | null = null;

  constructor(world: TrialWorld, random: Random) {
    this.world = world;
    this.random = random;
  }

  node(): TrialNode {
    return pick(this.random, this.world.nodes);
  }

  /** When acknowledgements may have been lost. */
  get losses(): readonly Loss[] {
    return this.world.pair?.losses ?? [];
  }

  /** Whether what was asked and acknowledged then may have been lost: an answer may reach its client after the loss. */
  mayBeLost(from: number, to: number): boolean {
    return this.losses.some((loss) => from <= loss.to && to >= loss.from);
  }

  /** Until it is answered, on whichever node; null for a refusal, which is told as a breach unless it is expected. */
  async ask(userId: string, query: string, variables: object = {}, expected: readonly string[] = []): Promise<Data> {
    for (;;) {
      const { data, code } = await this.once(userId, query, variables);
      if (code === null) return data;
      if (!AGAIN.has(code)) {
        if (!expected.includes(code)) this.breaches.push(`${query.slice(0, 60)}: ${code}`);
        return null;
      }
      await wait(RETRY_MS * (0.5 + this.random()));
    }
  }

  /** Asked once; SERVICE_UNAVAILABLE where the outcome is unknown. */
  async once(userId: string, query: string, variables: object = {}): Promise<Answer> {
    try {
      const response = await fetch(`${this.node().url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await tokenOf(userId)}` },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      const { data, errors } = (await response.json()) as Data;
      // A node that only begins or ends answers in other words.
      if (!errors && !data) return { data: null, code: 'SERVICE_UNAVAILABLE' };
      if (errors) return { data: null, code: String(errors[0]?.extensions?.code) };
      if (query.startsWith('mutation')) this.#acknowledged();
      return { data, code: null };
    } catch {
      return { data: null, code: 'SERVICE_UNAVAILABLE' };
    }
  }

  #acknowledged(): void {
    const now = performance.now();
    if (!this.isOver) this.longestGapMs = Math.max(this.longestGapMs, now - (this.#lastAcknowledgedAt ?? now));
    this.#lastAcknowledgedAt = now;
  }
}
