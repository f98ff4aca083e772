/** An engine in memory. A test decides which announcements are lost, and which answers fail or wait. */
import { setImmediate as turn } from 'node:timers/promises';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Announcement, BusListener, Channel, Engine } from '../../src/engine/port.ts';
import type { Retention } from '../../src/model.ts';
import { StillClock } from '../support/still-clock.ts';

type Operation = keyof Engine;
type Answered<Name extends Operation> = Engine[Name] extends (...args: never[]) => Promise<infer Value> ? Value : never;
type Answer = (ask: () => Promise<unknown>) => Promise<unknown>;

export class TappedEngine {
  readonly clock = new StillClock();
  /** Without any tap. */
  readonly steady: Engine;
  /** The engine as the tested code uses it. */
  readonly engine: Engine;
  /** The operations that were called. */
  readonly calls: Operation[] = [];
  /** Up to when everything was heard; null: as the engine says. */
  heardAt: number | null = null;
  /** Why no channel of the bus can be left; null: each can. */
  closingFault: Error | null = null;
  readonly #listeners = new Set<{ readonly channel: Channel; readonly listener: BusListener }>();
  readonly #answers = new Map<Operation, Answer[]>();
  #isDropping = false;

  constructor(retention: Retention = null) {
    this.steady = openEmbeddedEngine({ dataDir: ':memory:', retention, clock: this.clock });
    const listen: Engine['listen'] = async (channel, listener) => {
      const entry = { channel, listener };
      const listening = await this.steady.listen(channel, {
        onAnnouncement: (announcement) => {
          if (!this.#isDropping) listener.onAnnouncement(announcement);
        },
        onInterrupted: () => listener.onInterrupted(),
      });
      this.#listeners.add(entry);
      const heardAt = (): number => this.heardAt ?? listening.heardAt;
      return {
        get heardAt() {
          return heardAt();
        },
        close: async () => {
          this.#listeners.delete(entry);
          await listening.close();
          if (this.closingFault) throw this.closingFault;
        },
      };
    };
    this.engine = new Proxy(this.steady, {
      get: (target, name: Operation) => {
        const operation: unknown = name === 'listen' ? listen : target[name];
        if (typeof operation !== 'function') return operation;
        return async (...args: unknown[]) => {
          this.calls.push(name);
          const ask = async (): Promise<unknown> => operation.apply(target, args);
          const answer = this.#answers.get(name)?.shift();
          return answer ? answer(ask) : ask();
        };
      },
    });
  }

  /** How many listen now. */
  get listening(): number {
    return this.#listeners.size;
  }

  /** Announcements of this work are lost, unnoticed. */
  async unheard<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#isDropping = true;
    try {
      return await work();
    } finally {
      this.#isDropping = false;
    }
  }

  announce(kind: Channel['kind'], announcement: Announcement): void {
    for (const { channel, listener } of [...this.#listeners])
      if (channel.kind === kind) listener.onAnnouncement(announcement);
  }

  /** Announcements may have been lost. */
  interrupt(kind?: Channel['kind']): void {
    for (const { channel, listener } of [...this.#listeners])
      if (!kind || channel.kind === kind) listener.onInterrupted();
  }

  /** The next call of an operation fails, behind those for which something was decided already. */
  failNext(name: Operation, error: Error): void {
    this.#answerNext(name, async () => Promise.reject(error));
  }

  /** The next answer of an operation, as of its call, waits until it is released. */
  holdNext(name: Operation): () => Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#answerNext(name, async (ask) => {
      const answer = await ask();
      await promise;
      return answer;
    });
    return async () => {
      resolve();
      await this.settle();
    };
  }

  /** The next call of an operation is answered so. */
  answerNext<Name extends Operation>(name: Name, answer: Answered<Name>): void {
    this.#answerNext(name, async () => answer);
  }

  countOf(name: Operation): number {
    return this.calls.filter((call) => call === name).length;
  }

  /** Lets answers that wait for nothing arrive. */
  async settle(): Promise<void> {
    for (let nth = 0; nth < 6; nth += 1) await turn();
  }

  async pass(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    await this.settle();
  }

  #answerNext(name: Operation, answer: Answer): void {
    this.#answers.set(name, [...(this.#answers.get(name) ?? []), answer]);
  }
}
