/** Sessions that are revoked while their streams are open: they receive nothing more. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import type { Transport } from './transports.ts';
import { GUEST } from './users.ts';
import type { Writers } from './writers.ts';

const PACE_MS = 500;
/** On every node this long after it was acknowledged, unless the node waits for its turn on a machine that is busy. */
const REVOKED_MS = 1_000;
const CREATE = 'mutation ($input: CreateSessionInput!) { createSession(input: $input) { accessToken session { id } } }';
const ALL = 'subscription { messageReceived { content } }';

export class Guests {
  readonly #trial: Trial;
  readonly #writers: Writers;
  readonly #transport: Transport;
  readonly #heard: { readonly content: string; readonly session: string }[] = [];
  /** Sent after a revocation, with the session. */
  readonly #forbidden: {
    readonly key: string;
    readonly session: string;
    /** Neither the session nor its revocation may have been lost. */
    isSure(): boolean;
  }[] = [];
  readonly #open = new Map<string, AbortController>();
  #count = 0;

  constructor(trial: Trial, writers: Writers, transport: Transport) {
    this.#trial = trial;
    this.#writers = writers;
    this.#transport = transport;
  }

  get delivered(): number {
    return this.#heard.length;
  }

  async run(): Promise<void> {
    while (!this.#trial.isOver) await this.#visit();
  }

  close(): void {
    for (const abort of this.#open.values()) abort.abort();
  }

  /** What nothing heals that comes later. */
  judgeForGood(): string[] {
    const told = new Set(this.#heard.map(({ session, content }) => `${session} ${content}`));
    return this.#forbidden
      .filter(({ session, key, isSure }) => isSure() && told.has(`${session} ${key}`))
      .map(({ session }) => `the revoked session ${session} was told of what followed`);
  }

  judge(): string[] {
    if (this.#trial.losses.length > 0) return [];
    return [...this.#open.keys()].map((session) => `the stream of the revoked ${session} is open`);
  }

  async #visit(): Promise<void> {
    this.#count += 1;
    const input = { deviceId: `guest-${this.#count}` };
    const createdAt = performance.now();
    const { createSession }: Data = await this.#trial.ask(GUEST, CREATE, { input });
    const session = createSession.session.id as string;
    const openedAt = performance.now();
    const abort = new AbortController();
    this.#open.set(session, abort);
    const over = this.#transport({
      node: this.#trial.node(),
      token: createSession.accessToken,
      query: ALL,
      variables: {},
      signal: abort.signal,
      onResponse: ({ data }) => {
        if (data) this.#heard.push({ session, content: data.messageReceived.content });
      },
    }).then(() => this.#open.delete(session));
    await Promise.race([over, wait(PACE_MS * (0.5 + this.#trial.random()))]);
    const askedAt = performance.now();
    await this.#trial.ask(GUEST, `mutation { revokeSession(id: "${session}") { id } }`, {}, ['NOT_FOUND']);
    const revokedAt = performance.now();
    await wait(REVOKED_MS);
    await this.#trial.isHeard(GUEST);
    const [room = ''] = this.#writers.rooms;
    const sent = await this.#writers.send(room);
    const isSure = (): boolean =>
      !this.#trial.mayBeLost(createdAt, openedAt) && !this.#trial.mayBeLost(askedAt, revokedAt);
    if (sent) this.#forbidden.push({ key: sent.key, session, isSure });
  }
}
