/** Users who are added and removed while everything else goes on, and what they may and must hear. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Trial } from './client.ts';
import { type Reader, subscribe } from './readers.ts';
import { OWNER, type Writers } from './writers.ts';

const PACE_MS = 100;
const ALL = 'subscription { messageReceived { id conversationId content sequence position } }';

export class Churn {
  readonly userId: string;
  readonly reader: Reader;
  readonly #trial: Trial;
  readonly #writers: Writers;
  /** Sent after an acknowledged addition and acknowledged before the removal was asked for. */
  readonly #owed = new Set<string>();
  /** Sent after an acknowledged removal and acknowledged before the next addition was asked for. */
  readonly #forbidden = new Set<string>();
  #isMember = false;

  constructor(trial: Trial, writers: Writers, userId: string) {
    this.#trial = trial;
    this.#writers = writers;
    this.userId = userId;
    this.reader = subscribe(trial, {
      name: `all of ${userId}`,
      userId,
      field: 'messageReceived',
      query: ALL,
      variables: {},
      resumes: false,
    });
  }

  get conversationId(): string {
    return this.#writers.conversations[0] ?? '';
  }

  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      await this.toggle();
      await wait(PACE_MS * this.#trial.random());
    }
  }

  /** Adds or removes the user, then sends what they must or must not hear. */
  async toggle(): Promise<void> {
    const id = this.conversationId;
    this.#isMember = !this.#isMember;
    const mutation = this.#isMember
      ? `mutation { addMembers(id: "${id}", userIds: ["${this.userId}"]) { id } }`
      : `mutation { removeMember(id: "${id}", userId: "${this.userId}") { id } }`;
    // A removal that is tried again finds nobody to remove.
    await this.#trial.ask(OWNER, mutation, {}, ['NOT_FOUND']);
    const sent = await this.#writers.send(id);
    if (sent) (this.#isMember ? this.#owed : this.#forbidden).add(sent.key);
  }

  /** Once all is well: added, they hear what follows; removed, nothing. */
  async settle(): Promise<void> {
    if (this.#isMember) await this.toggle();
    this.#owed.clear();
    await this.toggle();
    for (let n = 0; n < 5; n += 1) {
      const sent = await this.#writers.send(this.conversationId);
      if (sent) this.#owed.add(sent.key);
    }
  }

  judge(): string[] {
    const heard = new Set(this.reader.events.map(({ content }) => content as string));
    return [
      ...[...this.#forbidden].filter((key) => heard.has(key)).map(() => `${this.userId} heard what followed a removal`),
      ...[...this.#owed].filter((key) => !heard.has(key)).map(() => `${this.userId} was added and hears nothing`),
    ];
  }
}
