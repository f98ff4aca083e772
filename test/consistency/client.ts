/** What every actor of a trial does: ask a node, try again while the outcome is unknown, and stop when told. */
import { setTimeout as wait } from 'node:timers/promises';
import { pick, type Random } from '../faults/random.ts';
import type { Data, TestService } from '../support/service.ts';
import type { TrialWorld } from './world.ts';

const ANSWER_MS = 5_000;
const RETRY_MS = 50;
/** Refused for now, or with an unknown outcome: the same again is right. */
const AGAIN = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED']);

export class Trial {
  readonly world: TrialWorld;
  readonly random: Random;
  readonly breaches: string[] = [];
  isOver = false;

  constructor(world: TrialWorld, random: Random) {
    this.world = world;
    this.random = random;
  }

  node(): TestService {
    return pick(this.random, this.world.nodes);
  }

  /** Until it is answered, on whichever node; null for a refusal, which is told as a breach unless it is expected. */
  async ask(userId: string, query: string, variables: object = {}, expected: readonly string[] = []): Promise<Data> {
    for (;;) {
      const { data, errors } = await this.#once(userId, query, variables);
      if (data && !errors) return data;
      const code = errors?.[0]?.extensions.code ?? 'SERVICE_UNAVAILABLE';
      if (!AGAIN.has(code)) {
        if (!expected.includes(code)) this.breaches.push(`${query.slice(0, 60)}: ${code}`);
        return null;
      }
      await wait(RETRY_MS * (0.5 + this.random()));
    }
  }

  async #once(userId: string, query: string, variables: object): Promise<Data> {
    const node = this.node();
    try {
      const response = await fetch(`${node.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${await node.token(userId)}` },
        body: JSON.stringify({ query, variables }),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return await response.json();
    } catch {
      return { data: null, errors: [] };
    }
  }
}
