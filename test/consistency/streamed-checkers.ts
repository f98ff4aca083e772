/** G20: whatever a reader holds of a text was stored, and at rest it holds what a query returns. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Data } from '../support/service.ts';
import type { Trial } from './client.ts';
import type { StreamedReaders, TextReader } from './streamed-readers.ts';
import { lengthOf, type StreamedWriters, WATCHER } from './streamed-writers.ts';

const MESSAGES = `query ($id: ID!, $after: String) {
  conversation(id: $id) { messages(first: 500, after: $after) {
    pageInfo { hasNextPage endCursor } edges { node { id content state length } }
  } }
}`;

/** A stream is given this long to hear of an end that the judge's own reading brought. */
const MOMENTS = 20;
const MOMENT_MS = 250;

/** What one reader holds, put together event by event. */
class Held {
  readonly #breaches: string[] = [];
  readonly #reader: TextReader;
  readonly #writers: StreamedWriters;
  readonly #trial: Trial;
  #seen = 0;
  #opening = -1;
  /** By its present subscription. */
  #texts = new Map<string, string>();

  constructor(reader: TextReader, writers: StreamedWriters, trial: Trial) {
    this.#reader = reader;
    this.#writers = writers;
    this.#trial = trial;
  }

  /** What the subscription that is open now has told. */
  read(): ReadonlyMap<string, string> {
    for (const { event, opening } of this.#reader.heard.slice(this.#seen)) {
      this.#seen += 1;
      this.#begin(opening);
      this.#take(event);
    }
    this.#begin(this.#reader.opening);
    return this.#texts;
  }

  /** Of all that it was told. */
  readBreaches(): readonly string[] {
    this.read();
    return this.#breaches;
  }

  #begin(opening: number): void {
    if (opening === this.#opening) return;
    this.#opening = opening;
    // The next begins anew with all of it.
    this.#texts = new Map();
  }

  #take({ messageId, offset, text, length }: Data): void {
    const before = this.#texts.get(messageId) ?? '';
    const points = [...before];
    const next = points.slice(0, offset).join('') + text;
    this.#texts.set(messageId, next);
    if (offset > points.length) this.#breach(messageId, `a gap from ${points.length} to ${offset}`);
    if (lengthOf(next) !== length) this.#breach(messageId, `${lengthOf(next)} characters of ${length}`);
    const written = this.#writers.texts.get(messageId);
    // A start that was lost is one that its writer asked for again, and knows by another id.
    if (!written && this.#trial.losses.length === 0) this.#breach(messageId, 'nobody wrote it');
    if (written?.hasBegunWith(next) === false) this.#breach(messageId, `${JSON.stringify(next)} was never its text`);
    // Of a text that was replaced a slow reader may have no more than what the new one begins with, too.
    const isRepeated = offset < points.length && next.startsWith(before) && written?.isReplaced === false;
    if (isRepeated && this.#trial.losses.length === 0) {
      this.#breach(messageId, `told again from ${offset}, after ${JSON.stringify(before)}: ${JSON.stringify(text)}`);
    }
  }

  #breach(messageId: string, what: string): void {
    this.#breaches.push(`${this.#reader.name}: ${what}, of ${messageId}`);
  }
}

export class StreamedJudge {
  readonly #trial: Trial;
  readonly #writers: StreamedWriters;
  readonly #readers: StreamedReaders;
  readonly #held: readonly { readonly reader: TextReader; readonly held: Held }[];
  /** Messages that were over when they were read. */
  readonly #ended = new Set<string>();

  constructor(trial: Trial, writers: StreamedWriters, readers: StreamedReaders) {
    this.#trial = trial;
    this.#writers = writers;
    this.#readers = readers;
    this.#held = readers.texts.map((reader) => ({ reader, held: new Held(reader, writers, trial) }));
  }

  judgeForGood(): string[] {
    return [
      ...this.#readers.all.flatMap(({ errors }) => errors),
      ...this.#held.flatMap(({ held }) => held.readBreaches()),
    ];
  }

  async judge(): Promise<string[]> {
    const stored = await this.#readAll();
    await this.#hearEnds(stored);
    return [
      ...this.#judgeStored(stored),
      ...this.#held.flatMap(({ reader, held }) => this.#judgeHeld(reader, held, stored)),
      ...this.#judgeEnds('the ends on /ws', this.#readers.screen.ends, stored),
      ...this.#judgeUpdated(stored),
    ];
  }

  /** What was acknowledged is stored. */
  #judgeStored(stored: ReadonlyMap<string, Data>): string[] {
    return [...this.#writers.texts.values()].flatMap(({ id, text, askedAt, askedLastAt }) => {
      const content = stored.get(id)?.content;
      if (content === text || this.#trial.mayBeLost(askedAt, askedLastAt)) return [];
      return [`${id} is ${JSON.stringify(content)}, ${JSON.stringify(text)} was acknowledged`];
    });
  }

  #judgeHeld({ name }: TextReader, held: Held, stored: ReadonlyMap<string, Data>): string[] {
    const texts = held.read();
    const owed = this.#writers.last.map(({ id }) => id).filter((id) => stored.get(id)?.state === 'STREAMING');
    return [...new Set([...texts.keys(), ...owed])].flatMap((id) => {
      const content = stored.get(id)?.content;
      const text = texts.get(id) ?? '';
      return content === undefined || content === text
        ? []
        : [`${name}: shows ${JSON.stringify(text)}, ${id} is ${JSON.stringify(content)}`];
    });
  }

  /** Any reading aborts a message whose writer was silent for a minute: the stream is told of that after the reading. */
  async #hearEnds(stored: ReadonlyMap<string, Data>): Promise<void> {
    const isOver = (id: string): boolean => stored.get(id)?.state !== 'STREAMING';
    const fresh = new Set([...stored.keys()].filter((id) => isOver(id) && !this.#ended.has(id)));
    for (const id of fresh) this.#ended.add(id);
    for (let moment = 0; moment < MOMENTS && this.#untold(stored).some((id) => fresh.has(id)); moment += 1) {
      await wait(MOMENT_MS);
    }
  }

  #contents(): ReadonlyMap<string, string> {
    const { heard, life } = this.#readers.updated;
    return new Map(heard.filter((each) => each.life === life).map(({ event }) => [event.id, event.content]));
  }

  #untold(stored: ReadonlyMap<string, Data>): string[] {
    const contents = this.#contents();
    if (this.#readers.updated.life > 0) return [];
    return [...stored].flatMap(([id, { state }]) => (state !== 'STREAMING' && !contents.has(id) ? [id] : []));
  }

  /** Whoever resumes is told how each message ended, and what its text was then. */
  #judgeUpdated(stored: ReadonlyMap<string, Data>): string[] {
    const { name } = this.#readers.updated;
    return [
      ...this.#judgeEnds(name, this.#contents(), stored),
      ...this.#untold(stored).map((id) => `${name}: nothing of the end of ${id}`),
    ];
  }

  /** What was said at an end that a failover lost may be said of another text then. */
  #judgeEnds(name: string, ends: ReadonlyMap<string, string>, stored: ReadonlyMap<string, Data>): string[] {
    return [...ends].flatMap(([id, content]) => {
      const now = stored.get(id)?.content;
      const text = this.#writers.texts.get(id);
      if (now === undefined || now === content || !text) return [];
      if (this.#trial.mayBeLost(text.askedAt, text.askedLastAt)) return [];
      return [`${name}: ${id} was ${JSON.stringify(content)}, is ${JSON.stringify(now)}`];
    });
  }

  async #readAll(): Promise<ReadonlyMap<string, Data>> {
    const stored = new Map<string, Data>();
    let after: string | null = null;
    for (;;) {
      const { conversation } = await this.#trial.ask(WATCHER, MESSAGES, { id: this.#writers.room, after });
      const { pageInfo, edges } = conversation.messages;
      for (const { node } of edges) stored.set(node.id, node);
      if (!pageInfo.hasNextPage) return stored;
      after = pageInfo.endCursor;
    }
  }
}
