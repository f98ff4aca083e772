/** Twice the input never costs more than three times the work, whatever of it is made large. */
import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { tokenOfConnectionInit, tokenOfHeader } from '../../src/auth/token-location.ts';
import { faultOfNumbers } from '../../src/exact-json.ts';
import { createPrepare, isOpenDocument } from '../../src/graphql/operations.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { createTell } from '../../src/graphql/wording.ts';
import { createAddressOf } from '../../src/transport/address.ts';
import { parseFrame } from '../../src/transport/raw/frames.ts';
import { accepted, takesAnything } from '../../src/transport/stream-format.ts';
import { DOCUMENTS } from './documents.ts';
import { growthOf, type Work } from './growth.ts';

const MOST = 3;
const schema = createSchema();
const rules = { maxDepth: 10, maxCost: 1_000, isProduction: false };
const prepare = createPrepare(schema, rules);

let count = 0;
/** Nothing that was remembered helps. */
function fresh(text: string): string {
  count += 1;
  return `${text}#${count}`;
}

const attempt = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return error;
  }
};

describe('twice the document', () => {
  it.each(DOCUMENTS)('is not over three times the work: %s', (_what, make) => {
    expect(
      growthOf((size) => {
        const query = fresh(make(size));
        return () => prepare(query);
      }, MOST),
    ).toBeLessThanOrEqual(MOST);
  });

  it.each(DOCUMENTS)('is refused by its length before it is read, without a token: %s', (_what, make) => {
    expect(growthOf((size) => () => isOpenDocument(make(size), null, false), MOST)).toBeLessThanOrEqual(MOST);
  });
});

const message = (headers: object): IncomingMessage =>
  ({ headers, socket: { remoteAddress: '127.0.0.1' } }) as unknown as IncomingMessage;
const addressOf = createAddressOf(true, () => false);
const of = (text: string, times: number): string => text.repeat(Math.max(1, Math.floor(times)));
/** Bytes of the headers of a request, by Node's own cap, and of a body and a frame by ours. */
const HEADER = 16 * 1_024;
const BODY = 1_024 * 1_024;
const FRAME = 128 * 1_024;

const header =
  (text: string, read: (value: string) => unknown): Work =>
  (size) => {
    const value = of(text, (size * HEADER) / text.length);
    return () => attempt(() => read(value));
  };
const body =
  (before: string, text: string, after: string): Work =>
  (size) => {
    const value = `${before}${of(text, (size * BODY) / text.length)}${after}`;
    return () => [attempt(() => JSON.parse(value)), attempt(() => faultOfNumbers(value))];
  };
const frame =
  (before: string, text: string, after: string): Work =>
  (size) => {
    const value = `${before}${of(text, (size * FRAME) / text.length)}${after}`;
    return () => attempt(() => parseFrame(value));
  };

const ENTRIES: readonly (readonly [string, Work])[] = [
  ...['a/b,', 'a/b;q=0.5,', 'a;', '"', ',', ' ', 'text/event-stream;a="'].map(
    (text) => [`Accept of ${text}`, header(text, (value) => [accepted(value), takesAnything(value)])] as const,
  ),
  ...['1.1.1.1,', ',', ' ', '[', ':', '9', '8.8.8.8:1,', '::'].map(
    (text) =>
      [
        `X-Forwarded-For of ${text}`,
        header(text, (value) => addressOf(message({ 'x-forwarded-for': value }))),
      ] as const,
  ),
  ...[' ', 'x', 'bearer ', '\t', '.'].map(
    (text) =>
      [
        `Authorization of ${text}`,
        header(text, (value) => [tokenOfHeader(`Bearer ${value}`), tokenOfConnectionInit({ token: value }, undefined)]),
      ] as const,
  ),
  ['a body of digits', body('[', '9', ']')],
  ['a body of zeros', body('[1.', '0', '1]')],
  ['a body of numbers', body('[', '1.0000000000000001,', '1]')],
  ['a body of exponents', body('[1e', '1', ']')],
  ['a body of text', body('"', '\\u0041', '"')],
  ['a body of lists', body('', '[', '')],
  ['a body of keys', body('{', '"a":1,', '"b":1}')],
  ['a frame of topics', frame('{"type":"Subscribe","data":{"topics":[', '"a",', '"b"]}}')],
  ['a frame of bad topics', frame('{"type":"Subscribe","data":{"topics":[', '1,', '1]}}')],
  ['a frame of positions', frame('{"type":"Resume","data":{"positions":[', '"",', '""]}}')],
  ['a frame of digits', frame('{"type":"Broadcast","data":{"topic":"a","payload":', '9', '}}')],
  ['a frame of no type', frame('{"type":"', 'x', '"}')],
  ['a frame of lists', frame('', '[', '')],
  [
    'the message of an error',
    (size) => {
      const tell = createTell(true);
      const { message: text } = new GraphQLError(of(' Did you mean ', size * 200_000));
      return () => tell(text);
    },
  ],
];

describe('twice of what else a client sends', () => {
  it.each(ENTRIES)('is not over three times the work: %s', (_what, work) => {
    expect(growthOf(work, MOST)).toBeLessThanOrEqual(MOST);
  });
});

it('would find what grows with the square', () => {
  const suggestion = / ?Did you mean .+\?$/;
  const quadratic: Work = (size) => {
    const text = of('Did you mean ', size * 1_500);
    return () => suggestion.test(text);
  };
  expect(growthOf(quadratic, MOST)).toBeGreaterThan(MOST);
});
