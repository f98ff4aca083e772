/** The example of an agent: the output of a model or another source is one streamed message, which readers can stop. */
import { answer } from '../../examples/agent/answer.ts';
import { type Ask, askAt } from '../../examples/agent/ask.ts';
import { ANSWER, mockModel } from '../../examples/agent/mock-model.ts';
import { writeMessage } from '../../examples/agent/write-message.ts';
import type { TestClient, TestSubscription } from '../support/client.ts';
import { createConversation, send } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { textsOf } from '../support/streamed-text.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const STREAMED = 'subscription { messageStreamed { conversationId messageId offset text length } }';

async function* parts(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

describe('the example of an agent', () => {
  let service: TestService;
  let network: TcpProxy;
  let alice: TestClient;
  let watched: TestSubscription;
  let ask: Ask;
  let conversationId: string;
  beforeAll(async () => {
    service = await startTestService();
    network = await startTcpProxy(service.service.port);
    alice = await service.connect('alice');
    conversationId = (await createConversation(alice, { memberIds: ['assistant'] })).id;
    watched = await alice.subscribe(STREAMED);
    ask = askAt(`http://127.0.0.1:${network.port}/graphql`, await service.token('assistant'));
  });
  afterAll(async () => {
    await alice.close();
    await network.close();
    await service.close();
  });

  const stored = async (id: string): Promise<unknown> =>
    (await alice.query('query ($id: ID!) { message(id: $id) { content state replyTo { id } } }', { id })).data.message;

  /** What whoever watches has of it, once nothing is missing. */
  const shown = (id: string, content: string): Promise<void> =>
    eventually(() => {
      const texts = textsOf(watched.events);
      expect(texts.faults).toEqual([]);
      expect(texts.of(id)).toBe(content);
    });

  it('writes the text stream of the AI SDK', async () => {
    const { id: question } = await send(alice, conversationId, 'How?');
    const { id, ...written } = await answer(ask, mockModel(), { conversationId, replyToId: question }, 'How?');
    expect(written).toEqual({ state: 'COMPLETE', content: ANSWER });
    expect(await stored(id)).toEqual({ ...written, replyTo: { id: question } });
    await shown(id, ANSWER);
    // Token by token, not at the end.
    expect(watched.events.filter(({ messageStreamed }) => messageStreamed.messageId === id).length).toBeGreaterThan(1);
  });

  it('writes any other source, also one that splits characters', async () => {
    const long = '\u6F22'.repeat(20_000);
    const { id, ...written } = await writeMessage(
      ask,
      { conversationId },
      parts('', 'a \ud83c', '\udf89 b ', long, '\ud83c', '\udf89'),
    );
    expect(written).toEqual({ state: 'COMPLETE', content: `a \u{1F389} b ${long}\u{1F389}` });
    await shown(id, written.content);
  });

  it('writes every token once over a network that loses answers', async () => {
    async function* lossy(): AsyncGenerator<string> {
      for (let nth = 0; nth < 12; nth += 1) {
        yield `${nth} `;
        // Done, and nobody is told: it is asked again.
        if (nth % 4 === 1) network.resetAnswers();
        await eventually(() => expect(textsOf(watched.events).of(latest())).toContain(`${nth} `));
      }
    }
    const latest = (): string => watched.events.at(-1).messageStreamed.messageId;
    const { id, content } = await writeMessage(ask, { conversationId }, lossy());
    expect(content).toBe(Array.from({ length: 12 }, (_, nth) => `${nth} `).join(''));
    await shown(id, content);
  });

  it('stops when another device requests it, and aborts the model', async () => {
    const { id: question } = await send(alice, conversationId, 'Go on for ever.');
    const model = mockModel({ tokenMs: 5, times: 10_000 });
    const written = answer(ask, model, { conversationId, replyToId: question }, 'Go on for ever.');
    await eventually(() => expect(watched.events.at(-1).messageStreamed.text).toContain('They'));
    const other = await service.connect('alice');
    await other.query('mutation ($id: ID!) { stopMessage(id: $id) }', { id: question });
    const { id, state, content } = await written;
    expect(state).toBe('ABORTED');
    expect(ANSWER.repeat(10_000).startsWith(content)).toBe(true);
    await shown(id, content);
    expect(model.doStreamCalls[0]?.abortSignal?.aborted).toBe(true);
    await other.close();
  });

  it('aborts the message when its source fails', async () => {
    async function* failing(): AsyncGenerator<string> {
      yield 'So far, ';
      throw new Error('The model is away.');
    }
    await expect(writeMessage(ask, { conversationId }, failing())).rejects.toThrow('The model is away.');
    const { messageId } = watched.events.at(-1).messageStreamed;
    await eventually(async () =>
      expect(await stored(messageId)).toMatchObject({ content: 'So far, ', state: 'ABORTED' }),
    );
  });
});
