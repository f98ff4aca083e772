/** The AI SDK's mock of a language model: it always returns the same text, a token at a time, and needs no network. */
import { simulateReadableStream } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';

export const ANSWER = 'They are \u{1F389} read while they are written, token by token, and whole on every device.';

const COUNTS = {
  inputTokens: { total: 3, noCache: 3, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 10, text: 10, reasoning: undefined },
};

/** A model that repeats its text, with a delay between tokens. */
export function mockModel({ tokenMs = 20, times = 1 } = {}): MockLanguageModelV4 {
  const tokens = Array.from({ length: times }, () => ANSWER.split(/(?<= )/)).flat();
  return new MockLanguageModelV4({
    doStream: async () => ({
      stream: simulateReadableStream({
        chunkDelayInMs: tokenMs,
        chunks: [
          { type: 'stream-start', warnings: [] },
          { type: 'text-start', id: '1' },
          ...tokens.map((delta) => ({ type: 'text-delta' as const, id: '1', delta })),
          { type: 'text-end', id: '1' },
          { type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage: COUNTS },
        ],
      }),
    }),
  });
}
