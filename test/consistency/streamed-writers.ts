/** Writers of streamed messages in a trial: each append is repeated until its outcome is known. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { pick } from '../faults/random.ts';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';

/** Writes, and is the owner of the room. */
export const AUTHOR = 'author';
/** Reads over GraphQL. */
export const WATCHER = 'watcher';
/** Reads on `/ws`. */
export const SCREEN = 'screen';

const START = 'mutation ($input: SendMessageInput!) { startMessage(input: $input) { id content } }';
const APPEND = `mutation ($id: ID!, $offset: Int!, $text: String!) {
  appendToMessage(id: $id, offset: $offset, text: $text) { length }
}`;
const FINISH = `mutation ($id: ID!, $state: MessageState, $content: String) {
  finishMessage(id: $id, state: $state, content: $content) { content }
}`;
const READ = 'query ($id: ID!) { message(id: $id) { content state } }';
const BITS = ['a word ', '\u{1F389}', 'e', '\u0301', ' ', '\r\n', '\u6F22'.repeat(600), ''];
const PACE_MS = 40;
/** Of appends, so many are asked twice at once, as by a proxy that asks again. */
const TWICE = 0.15;
/** Of messages, so many are left by their writer: fewer than are written at once. */
const DIED = 0.03;
/** So many messages are written at the end, by so many appends each. */
const LAST = 5;
const LAST_APPENDS = 8;
/** After what was stored last, until a message that is not written any more may be aborted. */
const SILENCE_MS = 45_000;

export const lengthOf = (text: string): number => [...text].length;

/** A message as its writer knows it. */
export class TrialText {
  readonly id: string;
  readonly askedAt: number;
  /** What was acknowledged last. */
  text: string;
  /** Not before then was that stored: when it was asked for. */
  storedFrom: number;
  askedLastAt: number;
  isOver = false;
  /** Every text that was asked for, but those that another begins with. */
  readonly #asked: string[] = [''];

  constructor(id: string, text: string, askedAt: number) {
    this.id = id;
    this.text = text;
    this.askedAt = askedAt;
    this.askedLastAt = askedAt;
    this.storedFrom = askedAt;
    this.ask(text);
  }

  ask(text: string): void {
    this.askedLastAt = performance.now();
    if (text.startsWith(this.#asked.at(-1) ?? '')) this.#asked.pop();
    this.#asked.push(text);
  }

  /** Whether another text was asked for than one with more behind it. */
  get isReplaced(): boolean {
    return this.#asked.length > 1;
  }

  hasBegunWith(text: string): boolean {
    return this.#asked.some((asked) => asked.startsWith(text));
  }
}

export class StreamedWriters {
  readonly room = randomUUID();
  /** The position at which the room began. */
  readonly begun = new Map<string, string>();
  readonly texts = new Map<string, TrialText>();
  /** Written while something was wrong for the last time, and not ended: everybody is to read them, and nothing later tells. */
  readonly last: TrialText[] = [];
  readonly #trial: Trial;

  constructor(trial: Trial) {
    this.#trial = trial;
  }

  async begin(): Promise<void> {
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { position } }';
    const input = { id: this.room, kind: 'ROOM', memberIds: [WATCHER, SCREEN] };
    const { createConversation } = await this.#trial.ask(AUTHOR, create, { input });
    this.begun.set(this.room, createConversation.position);
  }

  /** Goes on until the trial is over. */
  async run(): Promise<void> {
    while (!this.#trial.isOver) {
      const text = await this.#start();
      const bits = 2 + Math.floor(10 * this.#trial.random());
      for (let nth = 0; text && nth < bits && !text.isOver && !this.#trial.isOver; nth += 1) {
        await this.#append(text);
        await wait(PACE_MS * 2 * this.#trial.random());
      }
      if (text && !text.isOver) await this.#end(text);
      await wait(PACE_MS * this.#trial.random());
    }
  }

  async writeLast(): Promise<void> {
    const write = async (): Promise<void> => {
      const text = await this.#start();
      if (text) this.last.push(text);
      for (let nth = 0; text && nth < LAST_APPENDS && !text.isOver; nth += 1) {
        await wait(4 * PACE_MS * this.#trial.random());
        await this.#append(text);
      }
    };
    await Promise.all(Array.from({ length: LAST }, write));
  }

  async #start(): Promise<TrialText | null> {
    const askedAt = performance.now();
    const input = { conversationId: this.room, content: pick(this.#trial.random, BITS), clientMessageId: randomUUID() };
    // Others of this author's may still be written whose writer died.
    const data = await this.#trial.ask(AUTHOR, START, { input }, ['CONFLICT']);
    if (!data) return null;
    const { id, content } = data.startMessage;
    const text = this.texts.get(id) ?? new TrialText(id, content, askedAt);
    this.texts.set(id, text);
    return text;
  }

  async #append(text: TrialText): Promise<void> {
    const { random } = this.#trial;
    const added = pick(random, BITS);
    const next = text.text + added;
    text.ask(next);
    const askedAt = performance.now();
    const variables = { id: text.id, offset: lengthOf(text.text), text: added };
    const ask = (): Promise<Data> => this.#trial.ask(AUTHOR, APPEND, variables, ['CONFLICT', 'NOT_FOUND']);
    const answers = await Promise.all(random() < TWICE ? [ask(), ask()] : [ask()]);
    if (answers.includes(null)) return this.#goOn(text);
    text.text = next;
    text.storedFrom = askedAt;
    for (const { appendToMessage } of answers) {
      const { length } = appendToMessage;
      if (length !== lengthOf(next)) this.#trial.breaches.push(`${lengthOf(next)} characters were stored as ${length}`);
    }
  }

  /** Refused: it goes on from what is stored, which is less than it knows only where a failover lost it. */
  async #goOn(text: TrialText): Promise<void> {
    const data = await this.#trial.ask(AUTHOR, READ, { id: text.id }, ['NOT_FOUND']);
    const now = performance.now();
    const { content, state } = data?.message ?? {};
    const wasSilent = state === 'ABORTED' && now - text.storedFrom > SILENCE_MS;
    if (!wasSilent && !this.#trial.mayBeLost(text.askedAt, now))
      this.#trial.breaches.push(`${text.id} was written to, and is ${JSON.stringify(data)}`);
    text.isOver = state !== 'STREAMING';
    if (content === undefined) return;
    text.ask(content);
    text.text = content;
  }

  /** Some are left as they are: their writer died. */
  async #end(text: TrialText): Promise<void> {
    const { random } = this.#trial;
    const chance = random();
    if (chance < DIED) return;
    const content = chance < 0.3 ? [...text.text].slice(0, 3).join('') + pick(random, BITS) : null;
    if (content !== null) text.ask(content);
    const variables = { id: text.id, state: chance < 0.45 ? 'ABORTED' : 'COMPLETE', content };
    const data = await this.#trial.ask(AUTHOR, FINISH, variables, ['CONFLICT', 'NOT_FOUND']);
    if (!data) return this.#goOn(text);
    text.isOver = true;
    // What is ended without a text ends with what is stored.
    text.ask(data.finishMessage.content);
    if (
      content === null &&
      data.finishMessage.content !== text.text &&
      !this.#trial.mayBeLost(text.askedAt, performance.now())
    )
      this.#trial.breaches.push(`${text.id} ended with another text than was written`);
    text.text = data.finishMessage.content;
  }
}
