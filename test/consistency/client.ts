/** The common steps of every actor of a trial: ask a node, retry while the outcome is unknown, stop when told. */
import { setTimeout as wait } from 'node:timers/promises';
import { pick, type Random } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Loss } from './loss.ts';
import { type TrialNode, type TrialWorld, tokenOf } from './world.ts';

/**
 * Longer than any node is away, on a machine that is busy. Whoever gives up and asks another may see the first carry it
 * out behind what they asked for next, an addition behind a removal: so that is a breach by itself.
 */
const ANSWER_MS = 240_000;
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
  readonly #begunAt = performance.now();
  /** The longest time in which no change was acknowledged. */
  longestGapMs = 0;
  #lastAcknowledgedAt: number | null = null;

  constructor(world: TrialWorld, random: Random) {
    this.world = world;
    this.random = random;
  }

  /** Of the trial, for those who look for what happened then. */
  get second(): string {
    return ((performance.now() - this.#begunAt) / 1_000).toFixed(3);
  }

  node(): TrialNode {
    return pick(this.random, this.world.nodes);
  }

  /** When acknowledgements may have been lost. */
  get losses(): readonly Loss[] {
    return this.world.lossy?.losses ?? [];
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
  async once(userId: string, query: string, variables: object = {}, node = this.node()): Promise<Answer> {
    try {
      const response = await fetch(`${node.url}/graphql`, {
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
    } catch (error) {
      if ((error as Error).name === 'TimeoutError') this.breaches.push(`${query.slice(0, 60)}: no answer`);
      return { data: null, code: 'SERVICE_UNAVAILABLE' };
    }
  }

  /** Until each node has answered this user: by then it has heard what was announced of them before. */
  async isHeard(userId: string): Promise<void> {
    for (const node of this.world.nodes) {
      while ((await this.once(userId, '{ viewer { unreadMessageCount } }', {}, node)).code !== null) {
        await wait(RETRY_MS);
      }
    }
  }

  #acknowledged(): void {
    const now = performance.now();
    if (!this.isOver) this.longestGapMs = Math.max(this.longestGapMs, now - (this.#lastAcknowledgedAt ?? now));
    this.#lastAcknowledgedAt = now;
  }
}
