/** Streamed texts that ended in any way: an engine keeps nothing of them but their messages. */
import type { Engine } from '../../src/engine/port.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { ConversationId, MessageId } from '../../src/model.ts';
import { alice, createGroup, tenant, text } from '../support/world.ts';

interface Ending {
  readonly engine: Engine;
  readonly id: ConversationId;
  readonly message: MessageId;
  pass(ms: number): void;
}

/** Of an engine that keeps so many messages. */
export const KEPT = 3;

async function start(engine: Engine, id: ConversationId, isHeld = false): Promise<MessageId> {
  const started = await engine.startMessage(tenant, { ...text(id, alice, 'So far'), isHeld });
  if (!('message' in started)) throw new Error(started.outcome);
  const long = 'x'.repeat(3 * LIMITS.writtenPartCharacters);
  const next = { senderId: alice, offset: 6, text: long, payload: undefined, paceMs: 0 };
  expect(await engine.appendText(tenant, started.message.id, next)).toMatchObject({ outcome: 'appended' });
  return started.message.id;
}

const finish =
  (content: string | null) =>
  ({ engine, message }: Ending): Promise<unknown> =>
    engine.finishMessage(tenant, message, {
      senderId: alice,
      state: 'COMPLETE',
      length: null,
      content,
      payload: undefined,
    });

async function outlive({ engine, id }: Ending): Promise<void> {
  for (let nth = 0; nth <= KEPT; nth += 1) await engine.appendMessage(tenant, text(id, alice, `${nth}`));
}

const silence = async ({ engine, id, pass }: Ending): Promise<void> => {
  pass(TIMES.writingMs);
  await engine.listWritings(tenant, id, 0);
};

const ENDS: Readonly<Record<string, (ending: Ending) => Promise<unknown>>> = {
  finished: finish(null),
  replaced: finish('In short'),
  deleted: ({ engine, message }) => engine.deleteMessage(tenant, message, null),
  silent: silence,
  'no longer kept, and looked for': async (ending) => {
    await outlive(ending);
    expect(await ending.engine.listWritings(tenant, ending.id, 0)).toEqual({ messages: [], next: null });
  },
  'no longer kept, and followed by another': async (ending) => {
    await outlive(ending);
    await finish(null)({ ...ending, message: await start(ending.engine, ending.id) });
  },
  'gone with its conversation': ({ engine, id }) => engine.deleteConversation(tenant, id, null),
};

/** Writes and ends a text in each way there is; time passes for none of those that do not wait for it. */
export async function endTexts(engine: Engine, pass: (ms: number) => void): Promise<void> {
  const held = await createGroup(engine, alice);
  await silence({ engine, id: held, message: await start(engine, held, true), pass });
  for (const end of Object.values(ENDS)) {
    const id = await createGroup(engine, alice);
    await end({ engine, id, message: await start(engine, id), pass });
  }
}
