/** Rights to subscribe to topics, while the policies change, are in doubt or cannot be read. */
import { type Bearer, fixedBearer, RenewableBearer } from '../../src/access/bearer.ts';
import { nextTurn } from '../../src/clock.ts';
import { createDelivery } from '../../src/delivery/delivery.ts';
import { createTopicAccess } from '../../src/domain/topic-access.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { PublicationId, TenantId, Topic, TopicPolicyRecord, TopicRight } from '../../src/model.ts';
import { createPayloadSchemas } from '../../src/schemas/payload-schemas.ts';
import { eventually } from '../support/eventually.ts';
import { newId } from '../support/service.ts';
import { TestClock } from '../support/test-clock.ts';
import { unsteady } from '../support/unsteady-engine.ts';
import { alice, silentLog, tenant, viewerOf } from '../support/world.ts';

const [NEWS, SECRET] = ['news', 'secret'] as Topic[] as [Topic, Topic];
const VIEWER = viewerOf(alice);
const FORBIDDEN = { code: 'FORBIDDEN', of: { topic: SECRET } };

const policy = (subscribe: TopicRight): TopicPolicyRecord => ({
  pattern: SECRET,
  publish: 'EVERYONE',
  subscribe,
  keep: null,
  keepFor: null,
  schema: null,
  updatedAt: 1,
  updatedBy: alice,
});

function open() {
  const clock = new TestClock();
  const steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
  const flaky = unsteady(steady);
  const { engine } = flaky;
  const log = silentLog;
  const delivery = createDelivery({ engine, clock, log, countGap: () => undefined, streamMergeMs: 40 });
  const access = createTopicAccess(engine, clock, log, createPayloadSchemas());
  const hear = (...topics: Topic[]) => hearAs(fixedBearer(VIEWER), ...topics);
  const hearAs = async (bearer: Bearer, ...topics: Topic[]) => {
    const ended: unknown[] = [];
    const heard: unknown[] = [];
    const stream = await delivery.topicPublished(
      bearer,
      {
        topics,
        check: (viewer) => access.requireAtOnce('subscribe', viewer, topics),
        isKnown: () => access.isKnown(tenant),
        watch: (onChange) => access.watch(tenant, onChange),
      },
      new Map(),
    );
    stream.pipe({
      push: ({ payload }) => heard.push(payload),
      withdraw: () => undefined,
      end: (error) => ended.push(error),
      isCongested: () => false,
      onRoom: () => () => undefined,
    });
    return { ended, heard };
  };
  const close = async (): Promise<void> => {
    delivery.close();
    await steady.close();
  };
  return { ...flaky, steady, access, hear, hearAs, close };
}

describe('the right to subscribe to a topic', () => {
  it('G17: ends with the token that gave it, in a stream that goes on with the next token', async () => {
    const { steady, access, hearAs, close } = open();
    await steady.saveTopicPolicy(tenant, policy('SERVICES'));
    const backEnd = viewerOf(alice, { scopes: new Set(['realtime:service']) });
    await access.require('subscribe', backEnd, [SECRET]);
    const bearer = new RenewableBearer(backEnd);
    const { ended } = await hearAs(bearer, SECRET);
    bearer.renew(backEnd);
    expect(ended).toEqual([]);
    bearer.renew(VIEWER);
    await eventually(() => expect(ended).toMatchObject([FORBIDDEN]));
    await close();
  });

  it('is refused to everyone while the policies cannot be read, and then checked again', async () => {
    const { access, fail, close } = open();
    fail(1);
    await expect(access.require('subscribe', VIEWER, [NEWS])).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    fail(1);
    await expect(access.admit(tenant, NEWS, 1)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    await access.require('publish', VIEWER, [NEWS]);
    await close();
  });

  it('is checked again for every stream when a policy changes; only streams without it end', async () => {
    const { engine, access, hear, close } = open();
    await access.require('subscribe', VIEWER, [NEWS, SECRET]);
    const many = await Promise.all(Array.from({ length: 250 }, () => hear(SECRET)));
    const others = await hear(NEWS);
    await engine.saveTopicPolicy(tenant, policy('SERVICES'));
    await eventually(() => expect(many.filter(({ ended }) => ended.length > 0)).toHaveLength(many.length));
    expect(many[249]?.ended).toEqual([expect.objectContaining(FORBIDDEN)]);
    expect(others.ended).toEqual([]);
    await close();
  });

  it('is not decided by old policies after an interruption: requests wait for the new ones', async () => {
    const { steady, access, hear, cut, heal, close } = open();
    await access.require('subscribe', VIEWER, [SECRET]);
    const listener = await hear(SECRET);
    cut();
    await steady.saveTopicPolicy(tenant, policy('SERVICES'));
    heal();
    await expect(access.require('subscribe', VIEWER, [SECRET])).rejects.toMatchObject(FORBIDDEN);
    await eventually(() => expect(listener.ended).toEqual([expect.objectContaining(FORBIDDEN)]));
    await close();
  });

  it('holds events back while it is in doubt, and delivers them in order once it is known', async () => {
    const { engine, steady, access, hear, cut, heal, close } = open();
    await access.require('subscribe', VIEWER, [SECRET, NEWS]);
    const [listener, other] = [await hear(SECRET), await hear(NEWS)];
    const publish = (topic: Topic, payload: number) =>
      steady.publish(tenant, { id: newId() as PublicationId, topic, payload, senderId: alice });
    cut();
    await steady.saveTopicPolicy(tenant, policy('SERVICES'));
    await publish(SECRET, 1);
    await publish(NEWS, 1);
    const read = Promise.withResolvers<void>();
    const { readTopicPolicies } = steady;
    const { readTopic } = steady;
    const caughtUp: string[] = [];
    Object.assign(steady, {
      readTopicPolicies: async (of: TenantId) => {
        await read.promise;
        return readTopicPolicies(of);
      },
      readTopic: async (...args: Parameters<Engine['readTopic']>) => {
        const history = await readTopic(...args);
        caughtUp.push(args[1]);
        return history;
      },
    });
    heal();
    await eventually(() => expect(caughtUp.sort()).toEqual([NEWS, SECRET]));
    await engine.publish(tenant, { id: newId() as PublicationId, topic: NEWS, payload: 2, senderId: alice });
    await nextTurn();
    expect([listener.heard, other.heard]).toEqual([[], []]);
    read.resolve();
    await eventually(() => expect(listener.ended).toEqual([expect.objectContaining(FORBIDDEN)]));
    await eventually(() => expect(other.heard).toEqual([1, 2]));
    expect([listener.heard, other.ended]).toEqual([[], []]);
    await close();
  });

  it('can end while the stream is being opened', async () => {
    const { engine, access, hear, close } = open();
    await access.require('subscribe', VIEWER, [SECRET]);
    await engine.saveTopicPolicy(tenant, policy('OWNER'));
    await access.refresh(tenant);
    await expect(hear(SECRET)).rejects.toMatchObject(FORBIDDEN);
    await close();
  });

  it('is checked again until the policies of the tenant can be read', async () => {
    const { steady, access, hear, cut, heal, fail, close } = open();
    await access.require('subscribe', VIEWER, [SECRET]);
    const listener = await hear(SECRET);
    cut();
    await steady.saveTopicPolicy(tenant, policy('SERVICES'));
    fail(1);
    heal();
    await eventually(() => expect(listener.ended).toEqual([expect.objectContaining(FORBIDDEN)]));
    await close();
  });

  it('is not decided by policies read before an interruption and answered after it', async () => {
    const { engine: flaky, steady, cut, heal, close } = open();
    const held: (() => void)[] = [];
    const engine = new Proxy(flaky, {
      get(target, name) {
        if (name !== 'readTopicPolicies') return Reflect.get(target, name) as unknown;
        return async () => {
          const read = await target.readTopicPolicies(tenant);
          await new Promise<void>((resolve) => held.push(resolve));
          return read;
        };
      },
    });
    const access = createTopicAccess(engine, new TestClock(), silentLog, createPayloadSchemas());
    const asked = Promise.resolve(access.require('subscribe', VIEWER, [SECRET]));
    const refused = expect(asked).rejects.toMatchObject(FORBIDDEN);
    await eventually(() => expect(held).toHaveLength(1));
    cut();
    await steady.saveTopicPolicy(tenant, policy('SERVICES'));
    heal();
    await eventually(() => expect(held).toHaveLength(2));
    held[0]?.();
    await eventually(() => expect(held).toHaveLength(3));
    for (const release of held) release();
    await refused;
    await close();
  });
});
