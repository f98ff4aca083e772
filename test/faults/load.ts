/** Writers and subscribers on several nodes, and the events each of them received. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { signToken } from '../../src/access/tokens.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, SECRET } from '../support/service.ts';
import { judge } from './checker.ts';
import { type Heard, type History, type Seen, SharedEvents } from './history.ts';
import { pick, type Random } from './random.ts';
import { subscribeRaw } from './raw-subscriber.ts';
import { SIZE } from './settings.ts';
import { type Subscriber, subscribe } from './subscriber.ts';

export interface Endpoint {
  readonly url: string;
  readonly wsUrl: string;
}

interface Place {
  readonly id: string;
  readonly position: string;
}

const SEND = `mutation ($input: SendMessageInput!) {
  sendMessage(input: $input) { id conversationId sequence position clientMessageId }
}`;
const CREATE = `mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id position } }`;
const READERS = Array.from({ length: 20 }, (_, index) => `reader-${index}`);
/** Between two messages of one writer. */
const PACE_MS = 100;
/** A writer tries again after this, as clients do: its answer may have been swallowed. */
const ANSWER_MS = 5_000;
/** Of the one writer a crowd listens to: each message goes to all of it. */
const CROWD_PACE_MS = 1_000;
/** They come in groups: the herd is what happens when they are sent away. */
const CROWD_AT_ONCE = 250;
const SOCKETS_PER_USER = 10;
/** More than the clock of a node is off. */
const TOKEN_LIFE_S = 4 * 3_600;

export const tokenOf = (userId: string, tenant?: string): Promise<string> =>
  signToken({ secret: SECRET, userId, tenant, expiresAt: Math.floor(Date.now() / 1_000) + TOKEN_LIFE_S });

export async function post(
  url: string,
  token: string,
  query: string,
  variables: object,
  signal: AbortSignal | null = null,
): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
    signal,
  });
  // It did not come in time, and may be sent again (RFC 9110, section 15.5.9): this process had no turn to send it.
  if (response.status === 408) throw new Error('The request took too long to come.');
  return response.json();
}

/** Resolves when each has heard something. The time that this takes grows with their number: what ends the wait is no progress. */
async function allHear(heard: readonly Heard[]): Promise<void> {
  const silent = (): Heard[] => heard.filter(({ events }) => events.length === 0);
  for (let left = silent().length; left > 0; left = silent().length)
    await eventually(() => {
      const rest = silent();
      const codes = [...new Set(rest.flatMap(({ closes, errors }) => [...closes, ...errors]))];
      if (rest.length >= left) throw new Error(`${rest.length} of ${heard.length} hear nothing: ${codes.join(', ')}`);
    });
}

/** They hear: what is judged begins here. Before that a busy node may have told them to come again. */
function begin(heard: readonly Heard[]): void {
  for (const { closes, closedAt } of heard) {
    closes.splice(0);
    closedAt.splice(0);
  }
}

export class Load {
  readonly history: History = { acknowledged: [], refusals: [], heard: [] };
  /** Where clients go; a node that is gone is taken out. */
  readonly endpoints: Endpoint[];
  readonly places: Place[] = [];
  readonly #random: Random;
  readonly #subscribers: Subscriber[] = [];
  readonly #shared = new SharedEvents();
  readonly #keep = (event: Seen): Seen => this.#shared.of(event);
  readonly #closed = new AbortController();
  #token = '';
  #isWriting = true;
  #writers: Promise<void>[] = [];

  private constructor(endpoints: readonly Endpoint[], random: Random) {
    this.endpoints = [...endpoints];
    this.#random = random;
  }

  static async start(
    endpoints: readonly Endpoint[],
    random: Random,
    subscribers: number = SIZE.subscribers,
  ): Promise<Load> {
    const load = new Load(endpoints, random);
    load.#token = await tokenOf('writer');
    for (let n = 0; n < SIZE.conversations; n += 1) load.places.push(await load.#createPlace());
    for (let n = 0; n < subscribers; n += 1) await load.subscribe(n);
    load.#writers = Array.from({ length: SIZE.writers }, (_, n) => load.#write(load.#placeOf(n)));
    await load.goesOn();
    begin(load.history.heard);
    return load;
  }

  /** How sockets of subscribers were closed since everyone heard. */
  closes(): number[] {
    return this.history.heard.flatMap(({ closes }) => closes);
  }

  /** Waits until everyone hears what is written now. */
  async goesOn(): Promise<void> {
    const counts = this.#subscribers.map(({ heard }) => heard.events.length);
    await eventually(() => {
      const stuck = this.#subscribers.filter(({ heard }, index) => heard.events.length <= (counts[index] ?? 0));
      const told = stuck.map(({ heard: { errors, closes, events } }) => ({ errors, closes, events: events.length }));
      if (stuck.length > 0) throw new Error(`${stuck.length} hear nothing: ${JSON.stringify(told)}`);
    });
  }

  /** Ends the writing; who hears must come to the head with nothing more sent. Answers every breach. */
  async verdict(): Promise<string[]> {
    this.#isWriting = false;
    await Promise.all(this.#writers);
    return eventually(() => {
      const breaches = judge(this.history);
      if (breaches.some((breach) => breach.startsWith('nothing after')))
        throw new Error(breaches.slice(0, 5).join('\n'));
      return breaches;
    });
  }

  /** Also after a failure, while nobody answers: who waits for an answer is told to give up. */
  async close(): Promise<void> {
    this.#isWriting = false;
    this.#closed.abort();
    await Promise.all(this.#writers);
    // A client that is connecting and is closed meanwhile rejects: that would hide why the test failed.
    await Promise.allSettled(this.#subscribers.map(({ client }) => client.dispose()));
  }

  async subscribe(n: number): Promise<void> {
    const place = this.#placeOf(n);
    // One of four speaks the raw protocol.
    const subscriber = (n % 4 === 3 ? subscribeRaw : subscribe)({
      url: () => pick(this.#random, this.endpoints).wsUrl,
      token: await tokenOf(READERS[n % READERS.length] ?? ''),
      conversationId: place.id,
      position: place.position,
      keep: this.#keep,
    });
    this.#subscribers.push(subscriber);
    this.history.heard.push(subscriber.heard);
  }

  /** So many more subscribers of one quiet conversation, all on one node; resolves when each has heard something. */
  async crowd(count: number, at: Endpoint | undefined): Promise<Heard[]> {
    const users = Array.from({ length: Math.ceil(count / SOCKETS_PER_USER) }, (_, n) => `crowd-${n}`);
    const place = await this.#createPlace(users);
    const tokens = await Promise.all(users.map((user) => tokenOf(user)));
    const heard: Heard[] = [];
    this.#writers.push(this.#write(place, CROWD_PACE_MS));
    let isWhole = false;
    const join = (): void => {
      // A busy node may tell one to come again: until all are there, it comes to the same node.
      const url = (): string => (!isWhole && at ? at : pick(this.#random, this.endpoints)).wsUrl;
      const token = tokens[heard.length % tokens.length] ?? '';
      const { id: conversationId, position } = place;
      const subscriber = subscribe({ url, token, conversationId, position, keep: this.#keep });
      this.#subscribers.push(subscriber);
      this.history.heard.push(subscriber.heard);
      heard.push(subscriber.heard);
    };
    while (heard.length < count) {
      for (let n = 0; n < CROWD_AT_ONCE && heard.length < count; n += 1) join();
      await allHear(heard);
    }
    await this.goesOn();
    isWhole = true;
    begin(heard);
    return heard;
  }

  #placeOf(n: number): Place {
    return this.places[n % this.places.length] as Place;
  }

  async #createPlace(memberIds: readonly string[] = READERS): Promise<Place> {
    // To a node on a busy machine its engine may seem to be away.
    return eventually(async () => {
      const input = { id: randomUUID(), memberIds };
      const { data, errors } = await post(pick(this.#random, this.endpoints).url, this.#token, CREATE, { input });
      if (!data) throw new Error(`Not created: ${JSON.stringify(errors)}`);
      return data.createConversation;
    });
  }

  async #write({ id: conversationId }: Place, paceMs = PACE_MS): Promise<void> {
    while (this.#isWriting) {
      await this.#send(conversationId);
      await wait(paceMs * (0.5 + this.#random()));
    }
  }

  /** Tries under one key until the message is acknowledged. */
  async #send(conversationId: string): Promise<void> {
    const input = { conversationId, content: 'x', clientMessageId: randomUUID() };
    while (!this.#closed.signal.aborted) {
      const { url } = pick(this.#random, this.endpoints);
      const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(ANSWER_MS)]);
      const { data, errors } = await post(url, this.#token, SEND, { input }, signal).catch(() => ({
        data: null,
        errors: [],
      }));
      if (data?.sendMessage) return void this.history.acknowledged.push(data.sendMessage as Seen);
      const code = errors?.[0]?.extensions.code ?? 'SERVICE_UNAVAILABLE';
      if (code !== 'SERVICE_UNAVAILABLE') return void this.history.refusals.push(code);
      await wait(PACE_MS * this.#random());
    }
  }
}
