import { randomUUID } from 'node:crypto';
import type { Engine } from '../../src/engine/port.ts';
import type { DeadLetter, EventRecord, PulledEvents } from '../../src/engine/shared/consumer.ts';
import {
  type ConsumerRecord,
  type ConversationId,
  EVENT_TYPES,
  type PublicationId,
  type TenantId,
  type Topic,
} from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { alice, bob, newConversationId, type World } from '../support/world.ts';

export const ofEverything: Omit<ConsumerRecord, 'name'> = { events: EVENT_TYPES, conversations: null, topics: null };
export const name = 'bot';
export const pullOf = (member: string, max = 100) => ({ member, max });
export const publication = (topic: string, payload: unknown) => ({
  id: randomUUID() as string as PublicationId,
  topic: topic as Topic,
  payload,
  senderId: alice,
});
export const payloadOf = ({ data }: Pick<DeadLetter, 'data'>): unknown => ('payload' in data ? data.payload : null);

/** What a test does with the consumer of this name, of a tenant of its own; another node hands out its events. */
export function consumerCalls(world: () => World, tenant: () => TenantId) {
  const save = (more: Partial<ConsumerRecord> = {}, from: 'START' | 'NOW' = 'NOW') =>
    world().engine.saveConsumer(tenant(), { name, ...ofEverything, ...more }, from);
  const publish = (topic: string, ...payloads: readonly unknown[]) =>
    payloads.reduce<Promise<unknown>>(
      (before, payload) => before.then(() => world().engine.publish(tenant(), publication(topic, payload))),
      Promise.resolve(),
    );
  const pull = async (member = 'one', max = 100, engine: Engine = world().other): Promise<PulledEvents> => {
    const pulled = await engine.pullEvents(tenant(), name, pullOf(member, max));
    if (!pulled) throw new Error('There is no such consumer.');
    return pulled;
  };
  const ack = ({ token }: PulledEvents, ...failed: EventRecord[]) =>
    world().engine.ackEvents(
      tenant(),
      name,
      token,
      failed.map(({ id }) => id),
    );
  const progress = async () => {
    const read = await world().other.readProgress(tenant(), name);
    if (!read) throw new Error('There is no such consumer.');
    return read;
  };
  /** Waits until so many events are there to be handed out, and pulls them. */
  const pullAll = async (count: number, member = 'one'): Promise<PulledEvents> => {
    await eventually(async () => expect((await progress()).lag).toBe(count));
    return pull(member);
  };
  const createGroup = async (): Promise<ConversationId> => {
    const id = newConversationId();
    const members = [
      { userId: alice, role: 'OWNER' },
      { userId: bob, role: 'MEMBER' },
    ] as const;
    await world().engine.createConversation(tenant(), { id, name: 'Group', kind: 'GROUP', createdBy: alice, members });
    return id;
  };

  return { save, publish, pull, ack, progress, pullAll, createGroup };
}
