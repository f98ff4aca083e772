/** A random history of texts that are written on one node and read on two, each with a bus and an engine that fail. */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { Engine, TextAppend } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId, MessageRecord } from '../../src/model.ts';
import type { TestClock } from '../support/test-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text, viewerOf } from '../support/world.ts';
import { lengthOf, StreamedReader, WrittenText } from './streamed-reader.ts';
import type { Step } from './streamed-steps.ts';

type StepOf<Type extends Step['type']> = Extract<Step, { readonly type: Type }>;

const BEARER = fixedBearer(viewerOf(bob));
const MERGE_MS = 40;
/** Read in between, and answered late. */
const READINGS = new Set(['listWritings', 'readMessages', 'readLog', 'readConversations', 'readMemberships']);
/** Shorter than the time until silent writers are looked for, which would repair what was left as it was. */
const ROUNDS = 40;
/** Fewer than one sender may write in a conversation at once. */
const MOST = LIMITS.writingsPerSender;

class Node {
  readonly unsteady: UnsteadyEngine;
  readonly delivery: Delivery;
  /** So many turns old is what is read. */
  turns = 0;
  /** So many announcements of text are lost from now on. */
  losses = 0;
  /** Messages of which the last announcement was lost. */
  readonly lost = new Set<MessageId>();

  constructor(steady: Engine, clock: TestClock) {
    this.unsteady = unsteady(steady);
    this.delivery = createDelivery({
      engine: this.#slow(this.unsteady.engine),
      clock,
      log: silentLog,
      countGap: () => undefined,
      streamMergeMs: MERGE_MS,
    });
  }

  #slow(engine: Engine): Engine {
    const listen: Engine['listen'] = (channel, { onAnnouncement, onInterrupted }) =>
      engine.listen(channel, {
        onInterrupted,
        onAnnouncement: (announcement) => {
          if (announcement.type !== 'extension') return onAnnouncement(announcement);
          const { messageId } = announcement.extension;
          if (this.losses > 0) {
            this.losses -= 1;
            this.lost.add(messageId);
          } else {
            this.lost.delete(messageId);
            onAnnouncement(announcement);
          }
        },
      });
    return new Proxy(engine, {
      get: (target, name) => {
        if (name === 'listen') return listen;
        const operation = Reflect.get(target, name) as unknown;
        if (typeof operation !== 'function' || !READINGS.has(String(name))) return operation;
        return async (...args: unknown[]) => {
          const answer = await operation.apply(target, args);
          for (let nth = 0; nth < this.turns; nth += 1) await turn();
          return answer;
        };
      },
    });
  }
}

export class StreamedHistory {
  readonly #engines: readonly Engine[];
  readonly #clock: TestClock;
  readonly #nodes: readonly Node[];
  readonly #readers: StreamedReader[] = [];
  readonly #texts = new Map<MessageId, WrittenText>();
  readonly #breaches: string[] = [];
  readonly #ids: ConversationId[] = [];
  readonly #isMember = [true, true];
  #starting: (Pick<MessageRecord, 'conversationId' | 'content'> & Pick<WrittenText, 'lastSeen'>) | null = null;

  /** Of each node the engine, which may be one. */
  constructor(engines: readonly Engine[], clock: TestClock) {
    this.#engines = engines;
    this.#clock = clock;
    this.#nodes = engines.map((engine) => new Node(engine, clock));
  }

  async begin(): Promise<void> {
    for (const _ of [0, 1]) this.#ids.push(await createGroup(this.#engine(0), alice, bob));
  }

  async take(step: Step): Promise<void> {
    switch (step.type) {
      case 'start':
        return this.#start(step);
      case 'append':
      case 'again':
      case 'misplace':
        return this.#write(step);
      case 'finish':
      case 'replace':
      case 'delete':
        return this.#end(step);
      case 'silence':
        // A reading notices, whichever comes first.
        this.#clock.advance(TIMES.writingMs);
        for (const written of this.#texts.values()) written.isOver = true;
        return;
      case 'open':
        return this.#open(step);
      case 'close':
        return this.#readers[step.which]?.close();
      case 'lag':
        return this.#readers[step.which]?.lag();
      case 'room':
        return this.#readers[step.which]?.room();
      case 'remove':
      case 'add':
        return this.#changeMember(step);
      case 'lose':
        this.#node(step.node).losses = 1;
        return;
      case 'limp':
        return this.#limp(step);
      case 'cut':
        return this.#node(step.node).unsteady.cut();
      case 'heal':
        return this.#node(step.node).unsteady.heal();
      case 'fail':
        return this.#node(step.node).unsteady.fail(step.count);
      case 'slow':
        this.#node(step.node).turns = step.turns;
        return;
      case 'turn':
        return turn();
      case 'merge':
        return this.#clock.advance(MERGE_MS);
    }
  }

  /** All is well again: everyone has what a query answers. Answers every breach, none in the end. */
  async verdict(): Promise<string[]> {
    for (const { unsteady: each } of this.#nodes) {
      each.fail(0);
      each.heal();
    }
    for (const node of this.#nodes) node.losses = 0;
    for (const reader of this.#readers) reader.room();
    // A gap that nothing follows shows within half a minute, and at once with what follows.
    const lost = new Set(this.#nodes.flatMap((node) => [...node.lost]));
    for (const [nth, id] of [...this.#texts.keys()].reverse().entries())
      if (lost.has(id)) await this.take({ type: 'append', which: nth, node: 0, bit: 'z', hasPayload: false });
    // Nobody is deaf.
    await this.take({ type: 'start', which: 0, node: 0, bit: 'last' });
    const last = [...this.#texts.values()].at(-1);
    let breaches: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (let nth = 0; nth < 10; nth += 1) await turn();
      this.#clock.advance(250);
      breaches = await this.#judge(last);
      if (breaches.length === 0 && round > 2) break;
    }
    return breaches;
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
    for (const { delivery } of this.#nodes) delivery.close();
  }

  async #judge(last: WrittenText | undefined): Promise<string[]> {
    const ids = [...this.#texts.keys()];
    const messages = await this.#engine(0).readMessages(tenant, ids);
    const stored = new Map(ids.map((id, index) => [id, messages[index] ?? null]));
    const lost = [...this.#texts.values()].filter(({ id, text: written }) => stored.get(id)?.content !== written);
    return [
      ...this.#breaches,
      ...lost.map(({ id, text: written }) => `${id} is ${stored.get(id)?.content}, ${written} was acknowledged`),
      ...this.#readers.flatMap((reader) => [...reader.judge(stored), ...reader.judgeDeafness(last)]),
    ];
  }

  #engine(node: number): Engine {
    return this.#engines[node % this.#engines.length] as Engine;
  }

  #node(node: number): Node {
    return this.#nodes[node % this.#nodes.length] as Node;
  }

  #written(which: number): WrittenText | undefined {
    return [...this.#texts.values()].at(-1 - which);
  }

  async #start({ which, node, bit }: StepOf<'start'>): Promise<void> {
    const at = which % 2;
    if ([...this.#texts.values()].filter(({ isOver }) => !isOver).length >= MOST) return;
    const message = { ...text(this.#ids[at] as ConversationId, alice, bit), isHeld: false };
    this.#starting = { ...message, lastSeen: this.#isMember[at] ? null : '' };
    const started = await this.#engine(node).startMessage(tenant, message);
    if (!('message' in started)) throw new Error(started.outcome);
    this.#textOf(started.message.id);
    this.#starting = null;
  }

  /** A reader may be told of a message before its writer knows its id. */
  #textOf(id: MessageId): WrittenText | undefined {
    if (this.#texts.has(id) || !this.#starting) return this.#texts.get(id);
    const written = new WrittenText({ ...this.#starting, id });
    written.lastSeen = this.#starting.lastSeen;
    this.#texts.set(id, written);
    return written;
  }

  async #write(step: StepOf<'append'> | StepOf<'again'> | StepOf<'misplace'>): Promise<void> {
    const written = this.#written(step.which);
    if (!written) return;
    const { id, text: before } = written;
    const length = lengthOf(before);
    const append = (offset: number, added: string, payload?: unknown): Promise<TextAppend> =>
      this.#engine(step.node).appendText(tenant, id, { senderId: alice, offset, text: added, payload, paceMs: 0 });
    if (step.type === 'append') {
      // Announced before it is answered: its reader may be the first to have it.
      if (!written.isOver) written.become(before + step.bit);
      const answer = await append(length, step.bit, step.hasPayload ? { length } : undefined);
      return this.#expect(step, answer, written.isOver ? 'ended' : 'appended');
    }
    if (step.type === 'again') {
      const offset = Math.max(0, length - step.back);
      const answer = await append(offset, [...before].slice(offset).join(''));
      return this.#expect(step, answer, written.isOver ? 'ended' : offset === length ? 'appended' : 'repeated');
    }
    const answer = await append(length + step.by, 'x');
    return this.#expect(step, answer, written.isOver ? 'ended' : 'misplaced');
  }

  #expect(step: Step, { outcome }: { readonly outcome: string }, expected: string): void {
    if (outcome !== expected) this.#breaches.push(`${JSON.stringify(step)}: ${outcome} instead of ${expected}`);
  }

  async #end(step: StepOf<'finish'> | StepOf<'replace'> | StepOf<'delete'>): Promise<void> {
    const written = this.#written(step.which);
    if (!written) return;
    const { id, text: before } = written;
    const engine = this.#engine(step.node);
    if (step.type === 'delete') {
      // What becomes of a message that is finished is not told as text. A node may tell of it until it has heard.
      if (written.isOver) written.forgotten ??= written.text;
      written.isReplaced = true;
      written.isOver = true;
      written.become('');
      await engine.deleteMessage(tenant, id, null);
      return;
    }
    const content = step.type === 'replace' ? [...before].slice(0, step.keeps).join('') + step.bit : null;
    const wasOver = written.isOver;
    written.isOver = true;
    if (content !== null && !wasOver) written.become(content);
    const end = { senderId: alice, length: null, content, payload: undefined };
    const state = step.type === 'finish' ? step.state : 'COMPLETE';
    this.#expect(step, await engine.finishMessage(tenant, id, { ...end, state }), wasOver ? 'ended' : 'finished');
  }

  async #changeMember({ type, node: at }: StepOf<'remove'> | StepOf<'add'>): Promise<void> {
    const id = this.#ids[at] as ConversationId;
    const isMember = type === 'add';
    if (this.#isMember[at] === isMember) return;
    this.#isMember[at] = isMember;
    const texts = [...this.#texts.values()].filter(({ conversationId }) => conversationId === id);
    if (isMember) for (const written of texts) written.lastSeen = null;
    if (isMember) return void (await this.#engine(0).addMembers(tenant, id, [bob], 'MEMBER'));
    await this.#engine(0).removeMember(tenant, id, bob, null);
    for (const written of texts) {
      written.lastSeen = written.text;
      for (const reader of this.#readers) if (reader.held.has(written.id)) reader.stale.add(written.id);
    }
  }

  async #limp({ which, node, bit, ends, turns, later }: StepOf<'limp'>): Promise<void> {
    const { unsteady: bus } = this.#node(node);
    bus.cut();
    await this.take({ type: 'append', which, node, bit, hasPayload: false });
    if (ends) await this.take({ type: 'finish', which, node, state: 'COMPLETE' });
    await this.take({ type: 'slow', node, turns });
    bus.heal();
    // What is announced now comes while the rest is being read.
    await this.take({ type: 'append', which: which + 1, node, bit, hasPayload: false });
    for (let nth = 0; nth < later; nth += 1) await turn();
    await this.take({ type: 'lose', node });
    await this.take({ type: 'append', which, node, bit, hasPayload: false });
    await this.take({ type: 'append', which, node, bit, hasPayload: false });
    await this.take({ type: 'finish', which: which + 1, node, state: 'COMPLETE' });
  }

  /** Opens a stream; until it is accepted no other step is taken. */
  async #open({ node, isNamed, meanwhile }: StepOf<'open'>): Promise<void> {
    const [named] = this.#ids;
    if (!named || (isNamed && !this.#isMember[0])) return;
    const { delivery, unsteady: bus } = this.#node(node);
    const reader = new StreamedReader(node, isNamed ? named : null, (id) => this.#textOf(id));
    const opening = delivery.messageStreamed(BEARER, isNamed ? [named] : null).then(
      (stream) => {
        reader.begin(stream);
        this.#readers.unshift(reader);
      },
      () => undefined,
    );
    await Promise.race([opening, turn().then(turn)]);
    // What is written while it opens is not missing.
    const bit = 'mid';
    if (meanwhile === 'append') await this.take({ type: 'append', which: 0, node, bit, hasPayload: false });
    if (meanwhile === 'finish') await this.take({ type: 'finish', which: 0, node, state: 'COMPLETE' });
    if (meanwhile === 'start') await this.take({ type: 'start', which: 0, node, bit });
    // A bus that is cut lets nobody in.
    bus.heal();
    await opening;
  }
}
