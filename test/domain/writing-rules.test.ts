/** Streamed messages: who writes and ends them, and what routing rules hold back. */
import { directId } from '../../src/domain/direct-id.ts';
import type { RoutingRuleInput } from '../../src/domain/rule-input.ts';
import { LIMITS } from '../../src/limits.ts';
import type { MessageId } from '../../src/model.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import type { TestDomain } from '../support/domain.ts';
import { alice, bob, carol, tenant, viewerOf } from '../support/world.ts';
import { id, openRuledConversation, reader, saveRule, sender } from './ruled-conversation.ts';
import { admin, code } from './viewers.ts';

let domain: TestDomain;
beforeEach(async () => {
  domain = await openRuledConversation();
});
afterEach(() => domain.close());

const rule = (action: unknown, more: Partial<RoutingRuleInput> = {}) => saveRule(domain, action, more);
const inDirect = async () => {
  const range = { after: 0, before: null, limit: 100, from: 'first' } as const;
  const { messages } = await domain.engine.listMessages(tenant, directId(alice, bob), range);
  return messages.map(({ content }) => content);
};

describe('streamed messages and rules', () => {
  const start = (more: object = {}) => domain.writings.start(sender, { conversationId: id, content: '', ...more });
  const append = (message: MessageId, offset: number, text: string) =>
    domain.writings.append(sender, { id: message, offset, text }, UNMETERED);
  const finish = (message: MessageId, more: object = {}) =>
    domain.writings.finish(sender, { id: message, ...more }, UNMETERED);

  it('without rules the text is shown as it is written', async () => {
    const { id: message } = await start({ content: 'a' });
    await append(message, 1, 'b');
    expect((await domain.messages.findMany(reader, [message]))[0]).toMatchObject({ content: 'ab', state: 'STREAMING' });
  });

  it('a rule that may change the text holds it until it is finished', async () => {
    await rule({ transform: { content: '$uppercase(content)' } }, { match: { on: ['GROUP'] } });
    const { id: message } = await start({ content: 'a' });
    await append(message, 1, 'b');
    expect((await domain.messages.findMany(reader, [message]))[0]?.content).toBe('');
    expect((await finish(message)).content).toBe('AB');
    expect((await domain.messages.findMany(reader, [message]))[0]?.content).toBe('AB');
  });

  it('a copy, or a rule for others, holds nothing', async () => {
    await rule({ copy: { users: [bob] } }, { match: { on: ['GROUP'] } });
    await rule({ drop: true }, { match: { on: ['GROUP'], sender: bob } });
    await rule({ drop: true }, { match: { on: ['ROOM', 'TOPIC'] } });
    const { id: message } = await start({ content: 'a' });
    await append(message, 1, 'b');
    expect((await domain.messages.findMany(reader, [message]))[0]?.content).toBe('ab');
    for (const _ of ['once', 'again']) expect((await finish(message)).content).toBe('ab');
    expect(await inDirect()).toEqual(['ab']);
  });

  it('a rule that is saved meanwhile holds the text from the next append on', async () => {
    const { id: message } = await start({ content: 'a' });
    await append(message, 1, 'b');
    await rule({ drop: true }, { match: { on: ['GROUP'], where: 'false' } });
    await append(message, 2, 'c');
    expect((await domain.messages.findMany(reader, [message]))[0]?.content).toBe('');
    expect((await finish(message)).content).toBe('abc');
  });

  it('where no rule can apply, nothing is looked up for the rules', async () => {
    let reads = 0;
    for (const method of ['readConversations', 'readMemberships'] as const) {
      const read = domain.engine[method] as (...given: never[]) => Promise<unknown>;
      Object.assign(domain.engine, {
        [method]: (...given: never[]) => {
          reads += 1;
          return read(...given);
        },
      });
    }
    /** The reads of each change. */
    const looks = async () => {
      const streamed = await start();
      const sent = await domain.messages.send(sender, { conversationId: id, content: 'a' });
      const changes = [
        () => domain.messages.send(sender, { conversationId: id, content: 'a' }),
        () => domain.messages.edit(sender, sent.id, 'b', null),
        () => start(),
        () => finish(streamed.id),
      ];
      const counts: number[] = [];
      for (const change of changes) {
        reads = 0;
        await change();
        counts.push(reads);
      }
      return counts;
    };
    const without = await looks();
    await rule({ drop: true }, { match: { on: ['DIRECT', 'TOPIC'] } });
    expect(await looks()).toEqual(without);
    await rule({ drop: true }, { match: { on: ['GROUP'], sender: bob } });
    expect(await looks()).toEqual(without.map((count) => count + 2));
  });

  it('what the rules refuse does not stay', async () => {
    await rule({ drop: true }, { match: { on: ['GROUP'], where: 'content = "drop"' } });
    await rule({ forward: { users: [bob] } }, { match: { on: ['GROUP'], where: 'content = "forward"' } });
    await rule(
      { transform: { content: '1' } },
      { onFault: 'REFUSE', match: { on: ['GROUP'], where: 'content = "fail"' } },
    );
    const ended = async (content: string, reason: string) => {
      const { id: message } = await start({ content });
      await expect(finish(message)).rejects.toEqual(code('FORBIDDEN', reason));
      const [left] = await domain.messages.findMany(reader, [message]);
      return left;
    };
    expect(await ended('drop', 'DROPPED')).toMatchObject({ content: '', deletedAt: expect.any(Number) });
    expect(await ended('forward', 'ROUTED')).toMatchObject({ content: '', deletedAt: expect.any(Number) });
    expect(await ended('fail', 'RULE_FAILED')).toMatchObject({ content: '', state: 'ABORTED', deletedAt: null });
    expect(await inDirect()).toEqual(['forward']);
  });

  it('are written by their sender: offsets, ends and repeats', async () => {
    const { id: message } = await start({ content: 'a', payload: { n: 1 }, clientMessageId: 'k' });
    expect((await start({ content: 'a', payload: { n: 1 }, clientMessageId: 'k' })).id).toBe(message);
    expect(await append(message, 1, 'b')).toEqual({ id: message, length: 2, stopRequested: false });
    expect((await append(message, 1, 'b')).length).toBe(2);
    await expect(append(message, 5, 'x')).rejects.toMatchObject({ code: 'CONFLICT', length: 2 });
    await expect(domain.writings.append(reader, { id: message, offset: 2, text: 'x' }, UNMETERED)).rejects.toEqual(
      code('FORBIDDEN'),
    );
    await expect(append('none' as MessageId, 0, 'x')).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.messages.edit(sender, message, 'x', null)).rejects.toEqual(code('CONFLICT'));
    // No payload leaves it as it is.
    await domain.writings.append(sender, { id: message, offset: 2, text: 'c', payload: null }, UNMETERED);
    expect((await domain.messages.findMany(reader, [message]))[0]?.payload).toEqual({ n: 1 });
    expect(await domain.writings.stop(reader, message)).toBe(true);
    expect((await append(message, 3, 'd')).stopRequested).toBe(true);
    await expect(domain.writings.stop(viewerOf(carol), message)).rejects.toEqual(code('NOT_FOUND'));
    await expect(domain.writings.stop(admin, message)).rejects.toEqual(code('FORBIDDEN'));
    await expect(finish(message, { state: 'STREAMING' })).rejects.toEqual(code('BAD_USER_INPUT'));
    expect(await finish(message, { content: 'whole', payload: { n: 2 } })).toMatchObject({
      content: 'whole',
      payload: { n: 2 },
    });
    expect(await finish(message, { content: 'whole' })).toMatchObject({ content: 'whole' });
    expect(await finish(message)).toMatchObject({ content: 'whole' });
    for (const other of [{ content: 'other' }, { state: 'ABORTED' }])
      await expect(finish(message, other)).rejects.toMatchObject({ code: 'CONFLICT', length: 5 });
    await expect(append(message, 5, 'x')).rejects.toMatchObject({ code: 'CONFLICT', length: 5 });
    const second = await start({ content: 'cut' });
    expect(await finish(second.id, { state: 'ABORTED' })).toMatchObject({ content: 'cut', state: 'ABORTED' });
  });

  it('end when their reader blocks the writer, without the text that was held', async () => {
    const { id: direct } = await domain.conversations.openDirect(sender, bob);
    const shown = await start({ conversationId: direct, content: 'shown' });
    await rule({ drop: true }, { match: { on: ['DIRECT'], where: 'false' } });
    const held = await start({ conversationId: direct, content: 'held' });
    const theirs = await domain.writings.start(reader, { conversationId: direct, content: 'own' });
    await domain.blocks.set(reader, alice, true);
    const found = await domain.messages.findMany(reader, [shown.id, held.id, theirs.id]);
    expect(found.map((each) => [each?.content, each?.state])).toEqual([
      ['shown', 'ABORTED'],
      ['', 'ABORTED'],
      ['', 'STREAMING'],
    ]);
    await expect(start({ conversationId: direct })).rejects.toEqual(code('FORBIDDEN'));
  });

  /** Does something before the next message is finished. */
  const beforeFinish = (work: () => Promise<unknown>): void => {
    const { finishMessage } = domain.engine;
    Object.assign(domain.engine, {
      finishMessage: async (...given: Parameters<typeof finishMessage>) => {
        Object.assign(domain.engine, { finishMessage });
        await work();
        return finishMessage(...given);
      },
    });
  };

  it('text that is added while one is finished is part of it', async () => {
    const { id: message } = await start({ content: 'a' });
    beforeFinish(() => append(message, 1, 'b'));
    expect((await finish(message)).content).toBe('ab');
  });

  it('is tried to finish so many times while text is added', async () => {
    const { id: message } = await start({ content: 'a' });
    const { finishMessage } = domain.engine;
    let tries = 0;
    Object.assign(domain.engine, {
      finishMessage: async (...given: Parameters<typeof finishMessage>) => {
        tries += 1;
        if (tries > LIMITS.finishTries) throw new Error('It is tried too often.');
        await append(message, tries, 'b');
        return finishMessage(...given);
      },
    });
    await expect(finish(message)).rejects.toEqual(code('CONFLICT'));
    expect(tries).toBe(LIMITS.finishTries);
  });

  it('of two that finish one at once, the second has the same answer if it says the same', async () => {
    const [first, second] = [await start({ content: 'a' }), await start({ content: 'b' })];
    beforeFinish(() => finish(first.id));
    expect(await finish(first.id)).toMatchObject({ id: first.id, content: 'a' });
    beforeFinish(() => finish(second.id, { state: 'ABORTED' }));
    await expect(finish(second.id)).rejects.toMatchObject({ code: 'CONFLICT', length: 1 });
  });

  it('one that ends while its writer is blocked is left alone', async () => {
    const { id: direct } = await domain.conversations.openDirect(sender, bob);
    await start({ conversationId: direct, content: 'x' });
    Object.assign(domain.engine, { readWriting: async () => null });
    expect(await domain.blocks.set(reader, alice, true)).toBe(true);
  });

  it('one sender writes so many at once', async () => {
    for (let n = 0; n < LIMITS.writingsPerSender; n += 1) await start();
    await expect(start()).rejects.toEqual(code('CONFLICT'));
    await expect(domain.writings.start(viewerOf(carol), { conversationId: id, content: '' })).rejects.toEqual(
      code('NOT_FOUND'),
    );
  });
});
