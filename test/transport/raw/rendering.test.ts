/** Frames of events as they are rendered once for all their readers. */
import type { Domain } from '../../../src/domain/domain.ts';
import { unavailable } from '../../../src/errors.ts';
import type { ConversationId, MessageId, MessageRecord, TenantId, UserId } from '../../../src/model.ts';
import { createRendering } from '../../../src/transport/raw/rendering.ts';
import { alice, bob, carol, tenant } from '../../support/world.ts';

const other = 'other' as TenantId;

describe('the frames of direct messages', () => {
  let reads: string[];
  let failures: number;
  let rendering: ReturnType<typeof createRendering>;
  beforeEach(() => {
    reads = [];
    failures = 0;
    const pair = async (of: TenantId, { conversationId }: MessageRecord): Promise<readonly UserId[]> => {
      reads.push(`${of} ${conversationId}`);
      if (failures > 0) {
        failures -= 1;
        throw unavailable();
      }
      return [alice, of === tenant ? bob : carol];
    };
    rendering = createRendering({ conversations: { pair } } as unknown as Domain);
  });

  let sent = 0;
  const messageOf = (conversationId: string, senderId: UserId): MessageRecord => {
    sent += 1;
    return {
      id: `m${sent}` as MessageId,
      conversationId: conversationId as ConversationId,
      sequence: sent,
      senderId,
      content: 'Hi',
      payload: null,
      timestamp: 0,
      clientMessageId: null,
      replyToId: null,
      reactions: [],
      editedAt: null,
      deletedAt: null,
      position: { epoch: 'e', place: sent },
    };
  };
  const targetOf = async (of: TenantId, message: MessageRecord): Promise<string> =>
    JSON.parse(String(await rendering.ofTenant(of)(message))).data.target_user;

  it('name the other one of the two, who are read once for each conversation of a tenant', async () => {
    expect(await targetOf(tenant, messageOf('direct:1', alice))).toBe(bob);
    expect(await targetOf(tenant, messageOf('direct:1', bob))).toBe(alice);
    expect(await targetOf(other, messageOf('direct:1', alice))).toBe(carol);
    expect(await targetOf(tenant, messageOf('direct:1', alice))).toBe(bob);
    expect(await targetOf(tenant, messageOf('direct:2', alice))).toBe(bob);
    expect(reads).toEqual(['acme direct:1', 'other direct:1', 'acme direct:2']);
  });

  it('are rendered once for an event, and again after a failure', async () => {
    const message = messageOf('direct:1', alice);
    failures = 1;
    await expect(rendering.ofTenant(tenant)(message)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    const rendered = await rendering.ofTenant(tenant)(message);
    expect(await rendering.ofTenant(tenant)(message)).toBe(rendered);
    expect(reads).toHaveLength(2);
    const known = messageOf('direct:1', bob);
    expect(rendering.ofTenant(tenant)(known)).toBe(rendering.ofTenant(tenant)(known));
  });
});
