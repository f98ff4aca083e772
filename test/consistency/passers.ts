/** Users who join a conversation once, some of whom leave again. No later change repairs a failed step of theirs. */
import { setTimeout as wait } from 'node:timers/promises';
import { pick } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import { OWNER } from './users.ts';
import type { Writers } from './writers.ts';

const PACE_MS = 400;
const MEMBERS = `query ($id: ID!, $after: String) {
  conversation(id: $id) { members(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { user { id } } } } }
}`;

interface Passer {
  readonly userId: string;
  readonly conversationId: string;
  readonly isMember: boolean;
  readonly askedAt: number;
  readonly acknowledgedAt: number;
}

export class Passers {
  readonly #trial: Trial;
  readonly #writers: Writers;
  /** Of each the last change. */
  readonly #last = new Map<string, Passer>();
  /** As promised since all was healed: nobody changes them any more. */
  readonly #settled = new Set<string>();
  #count = 0;

  constructor(trial: Trial, writers: Writers) {
    this.#trial = trial;
    this.#writers = writers;
  }

  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      this.#count += 1;
      const at = { userId: `passer-${this.#count}`, conversationId: pick(this.#trial.random, this.#writers.rooms) };
      await this.#change(at, true);
      if (this.#trial.random() < 0.5) {
        await wait(PACE_MS * this.#trial.random());
        await this.#change(at, false);
      }
      await wait(PACE_MS * this.#trial.random());
    }
  }

  async #change({ userId, conversationId }: Pick<Passer, 'userId' | 'conversationId'>, isMember: boolean) {
    const change = isMember ? 'addMembers(id: $id, userIds: [$user])' : 'removeMember(id: $id, userId: $user)';
    const askedAt = performance.now();
    const mutation = `mutation ($id: ID!, $user: ID!) { ${change} { id } }`;
    // A removal that is tried again finds nobody to remove.
    await this.#trial.ask(OWNER, mutation, { id: conversationId, user: userId }, isMember ? [] : ['NOT_FOUND']);
    this.#last.set(userId, { userId, conversationId, isMember, askedAt, acknowledgedAt: performance.now() });
  }

  /** What was acknowledged holds, and both sides of it agree. */
  async judge(): Promise<string[]> {
    const members = new Map<string, ReadonlySet<string>>();
    for (const id of this.#writers.rooms) members.set(id, await this.#membersOf(id));
    const breaches: string[] = [];
    for (const passer of this.#last.values()) {
      if (this.#settled.has(passer.userId)) continue;
      const found = await this.#judge(passer, members.get(passer.conversationId)?.has(passer.userId) === true);
      if (found.length === 0) this.#settled.add(passer.userId);
      breaches.push(...found);
    }
    return breaches;
  }

  async #judge(
    { userId, conversationId, isMember, askedAt, acknowledgedAt }: Passer,
    isIn: boolean,
  ): Promise<string[]> {
    const { viewer } = await this.#trial.ask(userId, '{ viewer { conversations(first: 100) { id } } }');
    const isListed = viewer.conversations.some(({ id }: Data) => id === conversationId);
    return [
      ...(isIn === isListed ? [] : [`${userId}: member ${isIn}, in the list ${isListed}`]),
      ...(isIn === isMember || this.#trial.mayBeLost(askedAt, acknowledgedAt)
        ? []
        : [`${userId}: member ${isIn}, was acknowledged as ${isMember}`]),
    ];
  }

  async #membersOf(id: string): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let after: string | null = null; ; ) {
      const { conversation }: Data = await this.#trial.ask(OWNER, MEMBERS, { id, after });
      const { pageInfo, edges } = conversation.members;
      for (const { node } of edges) found.add(node.user.id);
      if (!pageInfo.hasNextPage) return found;
      after = pageInfo.endCursor;
    }
  }
}
