/** Users who are added and removed during a trial, and the events they may and must receive. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Trial } from './client.ts';
import { Reader } from './readers.ts';
import type { Transport } from './transports.ts';
import { OWNER } from './users.ts';
import type { Sent, Writers } from './writers.ts';

const PACE_MS = 100;
const ALL = 'subscription { messageReceived { id conversationId content sequence position } }';

interface Due {
  readonly sent: Sent;
  /** The change of members that it followed. */
  readonly since: number;
  /** Which of the user's subscriptions was there; null: none for sure. */
  readonly opening: number | null;
}

export class Churn {
  readonly userId: string;
  readonly reader: Reader;
  readonly #trial: Trial;
  readonly #writers: Writers;
  /** Sent after the last acknowledged addition. */
  #owed: Due[] = [];
  /** Sent after an acknowledged removal and acknowledged before the next addition was asked for. */
  readonly #forbidden: Due[] = [];
  #isMember = false;
  #since = 0;

  constructor(trial: Trial, writers: Writers, userId: string, transport: Transport) {
    this.#trial = trial;
    this.#writers = writers;
    this.userId = userId;
    this.reader = new Reader(trial, {
      name: `all of ${userId}`,
      userId,
      field: 'messageReceived',
      query: ALL,
      variables: {},
      transport,
    });
  }

  get conversationId(): string {
    return this.#writers.rooms[0] ?? '';
  }

  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      await this.#toggle();
      await wait(PACE_MS * this.#trial.random());
    }
  }

  /** Adds or removes the user, then sends what they must or must not hear. */
  async #toggle(): Promise<void> {
    const id = this.conversationId;
    this.#isMember = !this.#isMember;
    this.#since = performance.now();
    this.#owed = [];
    const byOwner = this.#isMember ? 'addMembers(id: $id, userIds: [$user])' : 'removeMember(id: $id, userId: $user)';
    const byThemselves = this.#isMember ? 'joinConversation(id: $id)' : 'leaveConversation(id: $id)';
    const isByOwner = this.#trial.random() < 0.5;
    const mutation = isByOwner
      ? `mutation ($id: ID!, $user: ID!) { ${byOwner} { id } }`
      : `mutation ($id: ID!) { ${byThemselves} { id } }`;
    // A removal that is tried again finds nobody to remove.
    const variables = { id, ...(isByOwner ? { user: this.userId } : {}) };
    await this.#trial.ask(isByOwner ? OWNER : this.userId, mutation, variables, ['NOT_FOUND', 'FORBIDDEN']);
    await this.#send();
  }

  async #send(): Promise<void> {
    const opening = this.reader.liveOpening;
    const sent = await this.#writers.send(this.conversationId);
    if (sent) (this.#isMember ? this.#owed : this.#forbidden).push({ sent, since: this.#since, opening });
  }

  /** Added anew, they hear what follows. */
  async settle(): Promise<void> {
    if (this.#isMember) await this.#toggle();
    await this.#toggle();
    for (let n = 0; n < 5; n += 1) await this.#send();
  }

  /** Whether something is owed to the subscription they have now. */
  get isSettled(): boolean {
    return this.#owed.some(({ opening }) => opening === this.reader.opening);
  }

  /** What nothing heals that comes later. */
  judgeForGood(): string[] {
    const told = this.#told();
    return this.#forbidden
      .filter((due) => this.#isSure(due) && told.has(due.sent.key))
      .map(({ sent }) => `${this.userId} heard ${sent.sequence}, which followed a removal`);
  }

  judge(): string[] {
    const told = this.#told();
    return this.#owed
      .filter((due) => due.opening === this.reader.opening && this.#isSure(due) && !told.has(due.sent.key))
      .map(({ sent }) => `${this.userId} was added and does not hear ${sent.sequence}`);
  }

  #told(): ReadonlySet<string> {
    return new Set(this.reader.heard.map(({ event }) => event.content as string));
  }

  #isSure({ sent, since }: Due): boolean {
    return !this.#trial.mayBeLost(since, sent.acknowledgedAt);
  }
}
