/**
 * G19: changes while a stream of the inbox waits for the engine are delivered, and no event is delivered of a
 * conversation that its reader does not know. Each answer of the engine is held back in turn.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { createDelivery, type Delivery } from '../../src/delivery/delivery.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId } from '../../src/model.ts';
import { NoLonger } from '../support/eventually.ts';
import { type HeldEngine, holdAnswers } from '../support/held-engine.ts';
import { TestClock } from '../support/test-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { alice, bob, createGroup, silentLog, tenant, text } from '../support/world.ts';
import { InboxClient } from './inbox-client.ts';

/** In how many it has to come true: each is a quarter of a second of the clock, and nothing but the clock is waited for. */
const ROUNDS = 100;
const COUNTS = ['first', 'second', 'third'];

class Scene {
  readonly clock = new TestClock();
  readonly engine: Engine = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock: this.clock });
  /** Of the node that bob is on. */
  readonly held: HeldEngine;
  readonly bus: UnsteadyEngine;
  readonly delivery: Delivery;
  readonly client: InboxClient;
  id = '' as ConversationId;
  messageId = '' as MessageId;
  #connecting: Promise<void> | null = null;

  constructor() {
    const engine = { ...this.engine };
    this.held = holdAnswers(engine);
    this.bus = unsteady(engine);
    const options = { clock: this.clock, log: silentLog, countGap: () => undefined, streamMergeMs: 40 };
    this.delivery = createDelivery({ ...options, engine: this.bus.engine });
    this.client = new InboxClient(this.engine, bob, false);
  }

  async begin(): Promise<void> {
    this.id = await createGroup(this.engine, alice, bob);
    for (const count of COUNTS) await this.send(count);
    await this.engine.markRead(tenant, this.id, alice, 1);
  }

  async send(content: string): Promise<void> {
    const sent = await this.engine.appendMessage(tenant, text(this.id, alice, content));
    if ('message' in sent) this.messageId = sent.message.id;
  }

  async join(): Promise<void> {
    await this.engine.addMembers(tenant, this.id, [bob], 'MEMBER');
  }

  async leave(): Promise<void> {
    await this.engine.removeMember(tenant, this.id, bob, null);
  }

  async connected(): Promise<void> {
    for (let round = 0; ; round += 1) {
      try {
        return await this.client.check(this.delivery, this.clock);
      } catch (error) {
        if (error instanceof NoLonger || round === ROUNDS) throw error;
      }
    }
  }

  async away(): Promise<void> {
    await this.connected();
    await this.client.leave();
    this.clock.advance(2 * TIMES.clocksApartMs);
  }

  connect(): void {
    this.#connecting = this.client.connect(this.delivery);
  }

  /** Once an answer waits, or there is none that could. */
  async waiting(): Promise<boolean> {
    for (let n = 0; n < 30 && !this.held.held; n += 1) {
      await turn();
      this.clock.advance(n === 29 ? 0 : 1);
    }
    return this.held.held !== null;
  }

  async end(): Promise<void> {
    this.held.release();
    await this.#connecting;
    await this.connected();
    await this.client.leave();
    await this.connected();
    await this.client.leave();
    this.delivery.close();
    await this.engine.close();
  }
}

type Act = (scene: Scene) => unknown;

/** What makes a stream ask the engine: what comes before it, and what it is. */
const OCCASIONS: Record<string, readonly [before: Act, occasion: Act]> = {
  'a client begins': [() => undefined, (scene) => scene.connect()],
  'a client comes back, and nothing has changed': [(scene) => scene.away(), (scene) => scene.connect()],
  'a client comes back, and something was sent': [
    async (scene) => {
      await scene.away();
      await scene.send('away');
    },
    (scene) => scene.connect(),
  ],
  'a client comes back, and was removed and added': [
    async (scene) => {
      await scene.away();
      await scene.leave();
      await scene.join();
      await scene.send('away');
    },
    (scene) => scene.connect(),
  ],
  'the bus was away': [
    async (scene) => {
      await scene.connected();
      scene.bus.cut();
      await scene.send('unheard');
    },
    (scene) => scene.bus.heal(),
  ],
  'the bus was away, and they were removed and added': [
    async (scene) => {
      await scene.connected();
      scene.bus.cut();
      await scene.leave();
      await scene.send('unseen');
      await scene.join();
    },
    (scene) => scene.bus.heal(),
  ],
  'a conversation is begun': [
    (scene) => scene.connected(),
    async (scene) => {
      scene.id = await createGroup(scene.engine, alice, bob);
    },
  ],
  'they are added': [
    async (scene) => {
      await scene.leave();
      await scene.connected();
    },
    (scene) => scene.join(),
  ],
  'they are removed and added': [
    (scene) => scene.connected(),
    async (scene) => {
      await scene.leave();
      await scene.join();
    },
  ],
};

const CHANGES: Record<string, Act> = {
  'a message is sent': (scene) => scene.send('new'),
  'a message is edited': ({ engine, messageId }) => engine.editMessage(tenant, messageId, 'edited', null),
  'somebody reacts': ({ engine, messageId }) => engine.addReaction(tenant, messageId, alice, '👍'),
  'a message is deleted': ({ engine, messageId }) => engine.deleteMessage(tenant, messageId, alice),
  'somebody else reads': ({ engine, id }) => engine.markRead(tenant, id, alice, LIMITS.pageSize),
  'they read': ({ engine, id }) => engine.markRead(tenant, id, bob, 2),
  'it is renamed': ({ engine, id }) => engine.renameConversation(tenant, id, 'Other'),
  'somebody types': ({ engine, id }) => engine.setTyping(tenant, id, alice, true),
  'they are removed': (scene) => scene.leave(),
  'they are removed and added': async (scene) => {
    await scene.leave();
    await scene.send('unseen');
    await scene.join();
    await scene.send('again');
  },
  'they are removed, added and removed': async (scene) => {
    await scene.leave();
    await scene.join();
    await scene.leave();
  },
  'the bus breaks, and what is read then fails once': ({ bus }) => {
    bus.cut();
    bus.fail(2);
    bus.heal();
  },
  'it is deleted': ({ engine, id }) => engine.deleteConversation(tenant, id, null),
  'another is begun': async (scene) => {
    scene.id = await createGroup(scene.engine, alice, bob);
    await scene.send('there');
    await scene.engine.markRead(tenant, scene.id, alice, 1);
  },
};

describe.each(Object.entries(OCCASIONS))('G19: during each engine call caused by: %s', (_, [before, occasion]) => {
  it.each(Object.entries(CHANGES))('%s', async (_change, change) => {
    let isHeld = true;
    for (let behind = 0; isHeld; behind += 1) {
      const scene = new Scene();
      await scene.begin();
      await before(scene);
      scene.held.hold(behind);
      await occasion(scene);
      isHeld = await scene.waiting();
      const name = scene.held.held;
      await change(scene);
      // What is announced of it is heard before the answer is.
      for (let n = 0; n < 5; n += 1) await turn();
      await scene.end().catch((error: Error) => {
        throw new Error(`behind ${behind} answers (${name}): ${error.message}`, { cause: error });
      });
    }
  });
});
