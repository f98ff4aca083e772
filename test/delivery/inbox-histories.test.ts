/** The inbox over random histories: after every connect a client shows the state of the conversations (G19). */
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { type HeldEngine, holdAnswers } from '../support/held-engine.ts';
import { openEngineOn } from '../support/redis-engine.ts';
import { sharedRedisUrl } from '../support/shared-redis.ts';
import { TestClock } from '../support/test-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { createGroup, newConversationId, silentLog, tenant, text, userId } from '../support/world.ts';
import { InboxClient } from './inbox-client.ts';

const PLACES = 4;
/** Of a direct conversation between the two. */
const DIRECT = PLACES - 1;
/** Of how many answers of the engine one may wait: more than an opening takes. */
const ANSWERS = 20;
const at = fc.nat({ max: PLACES - 1 });
const behind = fc.nat({ max: ANSWERS });
const act = <Name extends string>(weight: number, name: Name) => ({
  weight,
  arbitrary: fc.record({ act: fc.constant(name), at, isOwn: fc.boolean(), node: fc.nat({ max: 1 }), behind }),
});
const STEP = fc.oneof(
  act(8, 'send'),
  act(3, 'edit'),
  act(2, 'react'),
  act(1, 'remove-message'),
  act(2, 'create'),
  act(2, 'add'),
  act(3, 'remove'),
  act(1, 'delete'),
  act(3, 'hide'),
  act(1, 'type'),
  act(2, 'rename'),
  act(3, 'read'),
  act(4, 'connect'),
  act(4, 'leave'),
  act(3, 'wait'),
  act(2, 'cut'),
  act(2, 'heal'),
  act(3, 'fail'),
  act(3, 'hold'),
  act(2, 'release'),
);
type Step = typeof STEP extends fc.Arbitrary<infer Value> ? Value : never;

const one = (name: Step['act'], isOwn = false): Step => ({ act: name, at: 0, isOwn, node: 0, behind: 0 });
const direct = (...names: Step['act'][]): Step[] =>
  names.map((name) => ({ act: name, at: DIRECT, isOwn: false, node: 0, behind: 0 }));
/** Histories in which something was lost once. */
const KNOWN: [Step[]][] = [
  // Left, joined again and told of before the log of the list was read: whoever comes back is told that it was left.
  [[one('connect'), one('create', true), one('send'), one('remove'), one('add'), one('remove-message', true)]],
  // What happens while it is hidden is told with the next message, also to whoever comes back meanwhile or afterwards.
  [direct('connect', 'create', 'send', 'hide', 'type', 'edit', 'read', 'send')],
  [direct('connect', 'create', 'send', 'hide', 'edit', 'wait', 'wait', 'leave', 'send', 'connect')],
  [
    direct(
      'create',
      'send',
      'connect',
      'leave',
      'hide',
      'connect',
      'edit',
      'react',
      'wait',
      'leave',
      'connect',
      'send',
    ),
  ],
];

interface World {
  readonly engines: readonly Engine[];
  readonly clock: TestClock;
  /** What time a wait lets pass. */
  readonly waitMs: number;
  close(): Promise<void>;
}

interface Node {
  readonly held: HeldEngine;
  readonly unsteady: UnsteadyEngine;
  readonly delivery: Delivery;
}

class History {
  readonly #world: World;
  readonly #nodes: readonly Node[];
  readonly #viewer: UserId = userId(`viewer-${randomUUID()}`);
  readonly #other: UserId = userId(`other-${randomUUID()}`);
  readonly #ids: (ConversationId | null)[] = Array.from({ length: PLACES }, () => null);
  readonly #messages: (MessageId | null)[] = Array.from({ length: PLACES }, () => null);
  readonly #client: InboxClient;
  #connecting: Promise<void> | null = null;
  #count = 0;
  /** Nodes that announcements do not reach. */
  readonly #cut = new Set<Node>();

  constructor(world: World, checkpointConversations: number) {
    this.#world = world;
    this.#nodes = world.engines.map((engine) => {
      const own = { ...engine };
      const held = holdAnswers(own);
      const flaky = unsteady(own);
      const options = { clock: world.clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 };
      const delivery = createDelivery({ ...options, engine: flaky.engine, checkpointConversations });
      return { held, unsteady: flaky, delivery };
    });
    this.#client = new InboxClient(world.engines[0] as Engine, this.#viewer, checkpointConversations < PLACES);
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.#take(step);
    await this.#settle();
    await this.#client.leave();
    await this.#settle();
    await this.#client.leave();
    for (const { delivery } of this.#nodes) delivery.close();
  }

  async #take({ act: name, at: place, isOwn, node, behind: answers }: Step): Promise<void> {
    this.#count += 1;
    const engine = this.#world.engines[node % this.#world.engines.length] as Engine;
    const who = isOwn ? this.#viewer : this.#other;
    const id = this.#ids[place] ?? null;
    const { held, unsteady: flaky } = this.#nodeOf(node);
    if (name === 'connect') return this.#connect(node);
    if (name === 'leave') return this.#leave();
    if (name === 'wait') return this.#wait();
    if (name === 'hold') return held.hold(answers);
    if (name === 'release') return held.release();
    if (name === 'cut') {
      this.#cut.add(this.#nodeOf(node));
      return flaky.cut();
    }
    if (name === 'heal') {
      this.#cut.delete(this.#nodeOf(node));
      return flaky.heal();
    }
    if (name === 'fail') return flaky.fail(isOwn ? 2 : 1, place);
    if (place === DIRECT) return this.#takeDirect(engine, name, who);
    if (name === 'create' && !id) {
      const members = isOwn ? [this.#other, this.#viewer] : [this.#other];
      this.#ids[place] = await createGroup(engine, ...members);
    }
    if (!id) return;
    if (name === 'add') await engine.addMembers(tenant, id, [this.#viewer], 'MEMBER');
    if (name === 'remove') {
      const actor = isOwn ? { userId: this.#viewer, least: 'MEMBER' as const } : null;
      await engine.removeMember(tenant, id, this.#viewer, actor);
    }
    if (name === 'delete') {
      await engine.deleteConversation(tenant, id, null);
      this.#ids[place] = null;
      this.#messages[place] = null;
    }
    if (name === 'rename') await engine.renameConversation(tenant, id, `${this.#count}`);
    await this.#takeTalk(engine, name, { place, who, isOwn });
  }

  async #takeDirect(engine: Engine, name: Step['act'], who: UserId): Promise<void> {
    const [viewer, other] = [this.#viewer, this.#other];
    const id = this.#ids[DIRECT];
    if (name === 'create' && !id) {
      const members = [other, viewer].map((user) => ({ userId: user, role: 'OWNER' as const }));
      const made = newConversationId();
      await engine.createConversation(tenant, { id: made, name: null, kind: 'DIRECT', createdBy: other, members });
      this.#ids[DIRECT] = made;
    }
    if (!id) return;
    if (name === 'hide') {
      await engine.changeListed(tenant, viewer, id, { isHidden: true });
      const [conversation] = await engine.readConversations(tenant, [id]);
      // Of a client whom announcements do not reach nobody can say when it heard of it.
      this.#client.hide(id, this.#cut.size > 0 ? null : (conversation?.position ?? null));
    }
    await this.#takeTalk(engine, name, { place: DIRECT, who, isOwn: who === viewer });
  }

  /** What members do in any conversation. */
  async #takeTalk(
    engine: Engine,
    name: Step['act'],
    { place, who, isOwn }: { readonly place: number; readonly who: UserId; readonly isOwn: boolean },
  ): Promise<void> {
    const id = this.#ids[place];
    if (!id) return;
    if (name === 'type') await engine.setTyping(tenant, id, who, true);
    if (name === 'read') {
      const [conversation] = await engine.readConversations(tenant, [id]);
      await engine.markRead(tenant, id, who, conversation?.lastSequence ?? 0);
    }
    if (name === 'send') {
      this.#client.show(id);
      const sent = await engine.appendMessage(tenant, text(id, who, `${this.#count}`));
      if ('message' in sent) this.#messages[place] = sent.message.id;
    }
    const message = this.#messages[place];
    if (!message) return;
    if (name === 'edit') await engine.editMessage(tenant, message, `${this.#count}`, null);
    if (name === 'react') await engine.addReaction(tenant, message, who, isOwn ? '👍' : '🎉');
    if (name === 'remove-message') await engine.deleteMessage(tenant, message, who);
  }

  #nodeOf(node: number): Node {
    return this.#nodes[node % this.#nodes.length] as Node;
  }

  async #wait(): Promise<void> {
    for (let n = 0; n < 5; n += 1) await turn();
    this.#world.clock.advance(this.#world.waitMs);
    for (let n = 0; n < 5; n += 1) await turn();
  }

  async #connect(node: number): Promise<void> {
    if (this.#connecting || this.#client.isConnected) return;
    const { held, delivery, unsteady: flaky } = this.#nodeOf(node);
    this.#cut.delete(this.#nodeOf(node));
    flaky.heal();
    let isOver = false;
    this.#connecting = this.#client.connect(delivery).finally(() => {
      isOver = true;
      this.#connecting = null;
    });
    // What comes next in the history happens while it waits for an answer.
    while (!isOver && !held.held) await turn();
  }

  async #leave(): Promise<void> {
    await this.#answer();
    await this.#client.leave();
  }

  /** No answer waits any more. */
  async #answer(): Promise<void> {
    for (const { held, unsteady: flaky } of this.#nodes) {
      held.release();
      flaky.heal();
    }
    await this.#connecting;
  }

  /** All is well again: the client is live, and shows what there is. */
  async #settle(): Promise<void> {
    await this.#answer();
    for (const { unsteady: flaky } of this.#nodes) {
      flaky.fail(0);
      flaky.heal();
    }
    await eventually(() => this.#client.check(this.#nodeOf(1).delivery, this.#world.clock));
  }
}

const embedded = async (): Promise<World> => {
  const clock = new TestClock();
  const engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  return { engines: [engine], clock, waitMs: 2 * TIMES.clocksApartMs, close: () => engine.close() };
};

const redis = async (): Promise<World> => {
  const clock = new TestClock();
  const prefix = `inbox-${randomUUID().slice(0, 8)}`;
  const engines = [
    await openEngineOn(sharedRedisUrl(), { prefix, clock }),
    await openEngineOn(sharedRedisUrl(), { prefix, clock }),
  ];
  const close = async (): Promise<void> => {
    for (const engine of engines) await engine.close();
  };
  return { engines, clock, waitMs: TIMES.checkpointMs, close };
};

describe.each([
  ['SQLite', embedded, 200],
  ['two nodes on one Redis', redis, 15],
] as const)('inboxes over random histories: %s', (_, open, numRuns) => {
  it('G19: a user who left, came back and received something is not told of the return again', async () => {
    const world = await open();
    const acts = ['create', 'connect', 'remove', 'add', 'send'] as const;
    await new History(world, PLACES).run(acts.map((name) => ({ ...one(name, true), node: 1 })));
    await world.close();
  });

  it.each([
    ['whose checkpoints name every recent conversation', PLACES],
    ['whose checkpoints name one conversation', 1],
    ['whose checkpoints name none', 0],
  ])('G19: a client %s shows what is stored', async (_title, named) => {
    const world = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 40 }), async (steps) => {
        await new History(world, named).run(steps);
      }),
      // What does not come true is waited for: to try smaller histories takes too long.
      { numRuns: numRuns * (Number(process.env['MANY']) || 1), endOnFailure: true, examples: KNOWN },
    );
    await world.close();
  });
});
