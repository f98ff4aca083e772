/** Twice the input costs at most three times the work, whatever part of it is large. */
import type { IncomingMessage } from 'node:http';
import { GraphQLError } from 'graphql';
import { tokenOfConnectionInit, tokenOfHeader } from '../../src/access/token-location.ts';
import { payload } from '../../src/domain/input.ts';
import { faultOfNumbers } from '../../src/exact-json.ts';
import { createPrepare, isOpenDocument } from '../../src/graphql/operations.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { createWording } from '../../src/graphql/wording.ts';
import { LIMITS } from '../../src/limits.ts';
import { UNMETERED } from '../../src/rates/meters.ts';
import { createAddressOf } from '../../src/transport/peers/address.ts';
import { parseFrame } from '../../src/transport/raw/frames.ts';
import { accepted, takesAnything } from '../../src/transport/streams/stream-format.ts';
import fc from '../support/fast-check.ts';
import { DOCUMENTS } from './documents.ts';
import { FLOOR_MS, growthOf, timeOf, type Work } from './growth.ts';

const MOST = 3;
const schema = createSchema();
const rules = { maxDepth: 10, maxCost: 1_000, isProduction: false };

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

describe('a document of twice the size', () => {
  it.each(DOCUMENTS)('is not over three times the work: %s', (_what, make) => {
    // Another for each: what one remembers goes with it.
    const prepare = createPrepare(schema, rules);
    expect(
      growthOf((size) => {
        const query = fresh(make(size));
        return () => prepare(query, UNMETERED);
      }, MOST),
    ).toBeLessThanOrEqual(MOST);
  });

  it.each(DOCUMENTS)('is refused by its length before it is read, without a token: %s', (_what, make) => {
    expect(growthOf((size) => () => isOpenDocument(make(size), null, false), MOST)).toBeLessThanOrEqual(MOST);
  });
});

const message = (headers: object): IncomingMessage =>
  ({ headers, socket: { remoteAddress: '127.0.0.1' } }) as unknown as IncomingMessage;
const addressOf = createAddressOf(true, () => ({ isProven: false, isTrusted: true }));
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
    // As bodies are read: what has too many values is not parsed.
    return () => faultOfNumbers(value) ?? attempt(() => JSON.parse(value));
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
  ['a body of lists behind a number that is none', body('[1e999,', '[', '')],
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
      const tell = createWording(true);
      const { message: text } = new GraphQLError(of(' Did you mean ', size * 200_000));
      return () => tell(text);
    },
  ],
];

describe('other input of twice the size', () => {
  it.each(ENTRIES)('is not over three times the work: %s', (_what, work) => {
    expect(growthOf(work, MOST)).toBeLessThanOrEqual(MOST);
  });
});

it('the measurement detects quadratic growth', () => {
  const suggestion = / ?Did you mean .+\?$/;
  const quadratic =
    (texts: number): Work =>
    (size) => {
      const text = of('Did you mean ', size * texts);
      return () => suggestion.test(text);
    };
  // As large as this machine needs: what is quicker than the floor grows with nothing.
  let texts = 1_000;
  while (timeOf(quadratic(texts)(0.5)) < 10 * FLOOR_MS) texts *= 2;
  expect(growthOf(quadratic(texts), MOST, [8, 8])).toBeGreaterThan(MOST);
});

describe('input over a cap', () => {
  /** How often something of it was looked at. */
  function lookedAt(items: number): { readonly value: unknown; readonly count: () => number } {
    let looks = 0;
    const get = (target: readonly unknown[], key: string | symbol): unknown => {
      looks += 1;
      return Reflect.get(target, key) as unknown;
    };
    return { value: new Proxy(Array(items).fill(1), { get }), count: () => looks };
  }

  it('in a payload is not read past the cap', () => {
    const { value, count } = lookedAt(300_000);
    expect(attempt(() => payload(value, 'payload'))).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(count()).toBeLessThan(2 * LIMITS.payloadBytes);
  });

  it('in the number of values of a body is refused without parsing', () => {
    const values = (count: number): string => `[${'1,'.repeat(count - 1)}1]`;
    expect(faultOfNumbers(values(LIMITS.jsonValues))).toBeNull();
    expect(faultOfNumbers(values(LIMITS.jsonValues + 1))).toBe(`JSON of at most ${LIMITS.jsonValues} values is read.`);
  });
});

it('a payload is refused for its size if and only if its JSON is over the cap', () => {
  const item = fc.oneof(fc.constantFrom('', 'a', '\n', 'é'), fc.integer(), fc.constant(null), fc.boolean());
  // Some keys are refused for what they are.
  const key = fc.string().filter((text) => !text.startsWith('_'));
  const large = fc.tuple(fc.dictionary(key, item, { noNullPrototype: true }), fc.integer({ min: 0, max: 3 }));
  fc.assert(
    fc.property(large, ([value, power]) => {
      const most = Array(10 ** power * 5).fill(value) as unknown[];
      const isOver = Buffer.byteLength(JSON.stringify(most)) > LIMITS.payloadBytes;
      return (attempt(() => payload(most, 'payload')) === most) === !isOver;
    }),
    { numRuns: 50 },
  );
});
