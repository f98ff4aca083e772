/** The writers of streamed messages of a trial, and their readers (G20). */
import type { Trial } from './client.ts';
import { StreamedJudge } from './streamed-checkers.ts';
import { openStreamedReaders, type StreamedReaders, type TextWays } from './streamed-readers.ts';
import { StreamedWriters } from './streamed-writers.ts';

const WRITERS = 3;

export class StreamedCast {
  readonly #writers: StreamedWriters;
  readonly #readers: StreamedReaders;
  readonly #judge: StreamedJudge;

  private constructor(trial: Trial, writers: StreamedWriters, ways: TextWays) {
    this.#writers = writers;
    this.#readers = openStreamedReaders(trial, writers, ways);
    this.#judge = new StreamedJudge(trial, writers, this.#readers);
  }

  static async open(trial: Trial, ways: TextWays): Promise<StreamedCast> {
    const writers = new StreamedWriters(trial);
    await writers.begin();
    return new StreamedCast(trial, writers, ways);
  }

  get delivered(): number {
    return this.#readers.texts.reduce((sum, { heard }) => sum + heard.length, 0);
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: WRITERS }, () => this.#writers.run()));
  }

  writeLast(): Promise<void> {
    return this.#writers.writeLast();
  }

  judge(): Promise<string[]> {
    return this.#judge.judge();
  }

  /** What nothing heals that comes later. */
  judgeForGood(): string[] {
    return this.#judge.judgeForGood();
  }

  close(): void {
    for (const reader of this.#readers.all) reader.close();
  }
}
