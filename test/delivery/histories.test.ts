/**
 * Streams over random histories of changes, interruptions and failures of the engine, checked against the guarantees.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { fixedBearer } from '../../src/access/bearer.ts';
import { resumeNow } from '../../src/delivery/back-pressure.ts';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import type { LiveStream } from '../../src/delivery/stream.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { ServiceError } from '../../src/errors.ts';
import type {
  ConversationId,
  MessageRecord,
  Position,
  PublicationId,
  PublicationRecord,
  Topic,
} from '../../src/model.ts';
import fc from '../support/fast-check.ts';
import { TestClock } from '../support/test-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, subscribeRight, tenant, text, viewerOf } from '../support/world.ts';
import { FOUND, type Kind, STEP, type Step } from './history-steps.ts';

const BEARER = fixedBearer(viewerOf(bob));
const TOPIC = 'news' as Topic;
/** A stream as one reader has it, and what it owes that reader. */
interface Reader {
  readonly kind: Kind;
  readonly isNamed: boolean;
  readonly events: object[];
  error: ServiceError | null;
  isOver: boolean;
  isAccepted: boolean;
  /** What was sent, edited or published for it while it could listen, since it was accepted or past its position. */
  readonly owed: { readonly id: string; readonly position: Position; readonly conversationId?: string }[];
  /** It reads the log, of which a message's last change says it all: from a position, or as a member anew. */
  isReplayed: boolean;
  /** What it need not hear any more: the viewer was removed before the bus came back. */
  readonly forgone: Set<string>;
  /** Named, and a member of none of them any more. */
  isShut: boolean;
}

class History {
  readonly steady: Engine;
  readonly clock = new TestClock();
  readonly #unsteady: UnsteadyEngine;
  readonly #delivery: Delivery;
  readonly #readers: Reader[] = [];
  readonly #ids: ConversationId[] = [];
  readonly #isMember = [true, true];
  readonly #last: (MessageRecord | null)[] = [null, null];
  /** What changed in each conversation since the viewer became a member. */
  readonly #since: { readonly change: 'SENT' | 'EDITED'; readonly message: MessageRecord }[][] = [[], []];
  readonly #published: PublicationRecord[] = [];
  #count = 0;
  /** A third conversation, of which nothing is judged but that its end ends no stream. */
  #doomed: ConversationId | null = null;
  #doomedFrom: Position = { epoch: '', place: 0 };

  constructor() {
    this.steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: this.clock });
    this.#unsteady = unsteady(this.steady);
    this.#delivery = createDelivery({
      engine: this.#unsteady.engine,
      clock: this.clock,
      log: silentLog,
      countGap: () => undefined,
      streamMergeMs: 40,
    });
  }

  async begin(): Promise<void> {
    for (const _ of [0, 1]) this.#ids.push(await createGroup(this.steady, alice, bob));
    this.#doomed = await createGroup(this.steady, alice, bob);
    const [first] = await Promise.all(
      ['1', '2'].map((each) => this.steady.appendMessage(tenant, text(this.#doomed as ConversationId, alice, each))),
    );
    if (!first || !('message' in first)) throw new Error('not sent');
    this.#doomedFrom = first.message.position;
  }

  async take(step: Step): Promise<void> {
    const id = this.#ids[step.at % 2] as ConversationId;
    const at = step.at % 2;
    this.#count += 1;
    switch (step.type) {
      case 'send':
        return this.#changed(at, 'SENT', await this.steady.appendMessage(tenant, text(id, alice, `${this.#count}`)));
      case 'edit': {
        const message = this.#last[at];
        if (!message) return;
        return this.#changed(at, 'EDITED', await this.steady.editMessage(tenant, message.id, `${this.#count}`, null));
      }
      case 'rename':
        return void (await this.steady.renameConversation(tenant, id, `${this.#count}`));
      case 'add':
        await this.steady.addMembers(tenant, id, [bob], 'MEMBER');
        this.#isMember[at] = true;
        return;
      case 'remove':
        await this.steady.removeMember(tenant, id, bob, null);
        this.#isMember[at] = false;
        this.#since[at] = [];
        for (const reader of this.#readers) {
          reader.isShut ||= reader.isNamed && at === 0;
          reader.isReplayed = true;
          const lost = reader.owed.filter(({ conversationId }) => conversationId === id);
          for (const { position } of lost) reader.forgone.add(JSON.stringify(position));
        }
        return;
      case 'delete':
        return void (await this.steady.deleteConversation(tenant, this.#doomed as ConversationId, null));
      case 'publish': {
        const publication = {
          id: `p${this.#count}` as PublicationId,
          topic: TOPIC,
          payload: this.#count,
          senderId: alice,
        };
        const published = await this.steady.publish(tenant, publication);
        if (published.outcome !== 'published') throw new Error(published.outcome);
        this.#published.push(published.publication);
        for (const { kind, owed } of this.#readers) if (kind === 'topic') owed.push(published.publication);
        return;
      }
      case 'status':
        return void (await this.steady.setStatus(tenant, alice, 'BUSY', `${this.#count}`));
      case 'cut':
        return this.#unsteady.cut();
      case 'heal':
        return this.#unsteady.heal();
      case 'fail':
        return this.#unsteady.fail(step.at);
      case 'limp':
        await this.take({ type: 'cut', at });
        if (step.at % 3 === 0) await this.take({ type: 'send', at });
        await this.take({ type: 'rename', at });
        await this.take({ type: 'publish', at });
        await this.take({ type: 'status', at });
        if (!this.#isMember[at]) await this.take({ type: 'add', at });
        else if (step.at > 3) await this.take({ type: 'remove', at });
        this.#unsteady.fail(step.at);
        this.#unsteady.heal();
        await turn();
        // Announced, and in order, while nobody knows yet what was missed.
        await this.take({ type: 'send', at });
        return this.take({ type: 'rename', at });
      case 'turn':
        return turn();
      case 'open':
        return this.#open(step);
    }
  }

  #changed(
    at: number,
    change: 'SENT' | 'EDITED',
    done: { readonly outcome: string; readonly message?: MessageRecord },
  ): void {
    const { message } = done;
    if (!message) throw new Error(done.outcome);
    this.#last[at] = message;
    if (!this.#isMember[at]) return;
    this.#since[at]?.push({ change, message });
    for (const reader of this.#readers) {
      const isOwed = reader.isAccepted && !reader.isShut && !(reader.isNamed && at === 1);
      if (isOwed && changeOf(reader.kind) === change) reader.owed.push(message);
    }
  }

  /** Opens a stream; until it is accepted nothing is owed, and no other step is taken. */
  async #open({ kind, isNamed, resumes }: Extract<Step, { type: 'open' }>): Promise<void> {
    const named = isNamed && kind !== 'inbox' && kind !== 'presence' && kind !== 'topic';
    if (named && !this.#isMember[0]) return;
    const reader: Reader = {
      kind,
      isNamed: named,
      events: [],
      error: null,
      isOver: false,
      isAccepted: false,
      owed: [],
      forgone: new Set(),
      isShut: false,
      isReplayed: resumes,
    };
    const after = new Map<ConversationId, Position>();
    for (const [at, id] of this.#ids.entries()) {
      const [first, ...rest] = this.#since[at] ?? [];
      if (!resumes || !first || (named && at === 1)) continue;
      after.set(id, first.message.position);
      for (const { change, message } of rest) if (changeOf(kind) === change) reader.owed.push(message);
    }
    if (resumes && !named) after.set(this.#doomed as ConversationId, this.#doomedFrom);
    const [firstPublished = null, ...published] = kind === 'topic' && resumes ? this.#published : [];
    reader.owed.push(...published);
    const from = new Map(firstPublished ? [[TOPIC, firstPublished.position]] : []);
    const opening = this.#openKind(kind, named ? this.#ids.slice(0, 1) : null, after, from).then(
      (stream) => {
        stream.pipe({
          push: (event) => reader.events.push(event),
          // What was pushed was delivered.
          withdraw: () => undefined,
          end: (error) => {
            reader.error = error;
            reader.isOver = true;
          },
          isCongested: () => false,
          onRoom: resumeNow,
        });
        reader.isAccepted = true;
      },
      () => undefined,
    );
    // What is sent meanwhile may be heard or not, by this one.
    this.#readers.push(reader);
    reader.isAccepted = true;
    const before = reader.owed.length;
    await this.take({ type: 'send', at: 0 });
    for (const { position } of reader.owed.slice(before)) reader.forgone.add(JSON.stringify(position));
    reader.isAccepted = false;
    // A bus that is cut lets nobody in: it comes back, and tells everyone that something may be missing.
    await Promise.race([opening, turn().then(turn)]);
    this.#unsteady.heal();
    await opening;
    if (!reader.isAccepted) this.#readers.pop();
  }

  #openKind(
    kind: Kind,
    ids: ConversationId[] | null,
    after: Map<ConversationId, Position>,
    from: ReadonlyMap<Topic, Position>,
  ): Promise<LiveStream<object>> {
    switch (kind) {
      case 'received':
        return this.#delivery.messageReceived(BEARER, ids, after);
      case 'updated':
        return this.#delivery.messageUpdated(BEARER, ids, after);
      case 'conversation':
        return this.#delivery.conversationUpdated(BEARER, ids);
      case 'inbox':
        return this.#delivery.feed(BEARER, after, () => undefined, false);
      case 'presence':
        return this.#delivery.presenceUpdated(BEARER, [alice]);
      case 'topic':
        return this.#delivery.topicPublished(BEARER, subscribeRight([TOPIC]), from);
    }
  }

  /** All is well again: what is owed arrives. Answers every breach, none in the end. */
  async verdict(): Promise<string[]> {
    this.#unsteady.fail(0);
    this.#unsteady.heal();
    let breaches: string[] = [];
    for (let round = 0; round < 40; round += 1) {
      for (let n = 0; n < 5; n += 1) await turn();
      this.clock.advance(250);
      breaches = (await Promise.all(this.#readers.map((reader) => this.#judge(reader)))).flat();
      if (breaches.length === 0 && round > 2) break;
    }
    return breaches;
  }

  close(): Promise<void> {
    this.#delivery.close();
    return this.steady.close();
  }

  async #judge(reader: Reader): Promise<string[]> {
    const { kind, events, isShut, isOver, error } = reader;
    const name = `${kind}${reader.isNamed ? ', named' : ''}`;
    if (isShut !== isOver) {
      // A client resumes from what ended for the engine's sake; what it had heard is judged all the same.
      if (error?.code !== 'SERVICE_UNAVAILABLE') return [`${name}: over ${isOver}, ${error?.code}`];
    }
    if (kind === 'presence') return this.#judgePresence(name, events);
    if (kind === 'conversation') return isOver ? [] : this.#judgeConversation(name, events, reader.isNamed);
    const messages = (events as MessageRecord[]).filter(({ conversationId }) => conversationId !== this.#doomed);
    const heard = messages.map(({ position }) => JSON.stringify(position));
    const owed = reader.owed.map(({ position }) => JSON.stringify(position));
    const isMerged = (id: string, place: number): boolean =>
      reader.isReplayed && messages.some((message) => message.id === id && message.position.place > place);
    const missing = isOver
      ? []
      : reader.owed
          .filter(({ id, position: { place } }) => !isMerged(id, place))
          .map(({ position }) => JSON.stringify(position))
          .filter((position) => !heard.includes(position) && !reader.forgone.has(position));
    const alien = heard.filter((position) => !owed.includes(position));
    return [
      ...judgeOrder(name, messages),
      ...missing.map((position) => `${name}: nothing of ${position}`),
      ...alien.map((position) => `${name}: ${position} is not for it`),
    ];
  }

  async #judgePresence(name: string, events: readonly object[]): Promise<string[]> {
    const [presence] = await this.steady.readPresence(tenant, [alice]);
    const shown = (events.at(-1) as { statusText: string } | undefined)?.statusText;
    return shown === presence?.statusText ? [] : [`${name}: shows ${shown}, is ${presence?.statusText}`];
  }

  /** Whatever was told last of each is what it is. */
  async #judgeConversation(name: string, events: readonly object[], isNamed: boolean): Promise<string[]> {
    const known = events as { id: ConversationId; name: string; lastSequence: number }[];
    const now = await this.steady.readConversations(tenant, this.#ids);
    return now.flatMap((conversation, at) => {
      const last = known.findLast(({ id }) => id === conversation?.id);
      if (!last || !this.#isMember[at] || (isNamed && at === 1)) return [];
      const isSame = last.name === conversation?.name && last.lastSequence === conversation.lastSequence;
      return isSame ? [] : [`${name}: shows ${last.name} at ${last.lastSequence}, is ${conversation?.name}`];
    });
  }
}

const changeOf = (kind: Kind): 'SENT' | 'EDITED' | null =>
  kind === 'updated' ? 'EDITED' : kind === 'received' || kind === 'inbox' ? 'SENT' : null;

/** Places of one conversation or topic rise. */
function judgeOrder(
  name: string,
  events: readonly { readonly conversationId?: string; readonly position: Position }[],
): string[] {
  const last = new Map<string, number>();
  return events.flatMap(({ conversationId = '', position }) => {
    const before = last.get(conversationId) ?? 0;
    last.set(conversationId, position.place);
    return position.place > before ? [] : [`${name}: ${position.place} came after ${before}`];
  });
}

describe('streams over random histories', () => {
  it('G05 to G08: every due event arrives once and in order, and nothing else; states are current', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 5, maxLength: 40 }), async (steps) => {
        const history = new History();
        await history.begin();
        for (const step of steps) await history.take(step);
        const breaches = await history.verdict();
        await history.close();
        expect(breaches).toEqual([]);
      }),
      { numRuns: 300, examples: [...FOUND] },
    );
  });
});
