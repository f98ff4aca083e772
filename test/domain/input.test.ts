/** The checks of callers' input, at their bounds. */
import {
  displayName,
  identifier,
  identifiers,
  isTooLongToWrite,
  messageBody,
  natural,
  optional,
  pageSize,
  payload,
  text,
  userIdentifier,
  userIdentifiers,
  visibleText,
  writtenText,
} from '../../src/domain/input.ts';
import { LIMITS } from '../../src/limits.ts';
import fc from '../support/fast-check.ts';

const bad = expect.objectContaining({ code: 'BAD_USER_INPUT' });
const refused = (work: () => unknown): void => expect(work).toThrow(bad);

describe('ids', () => {
  it('have 1 to 128 of their characters', () => {
    for (const id of ['a', 'A-z.0_9:@', 'x'.repeat(LIMITS.idCharacters)]) expect(identifier<string>(id, 'id')).toBe(id);
    for (const id of ['', 'a b', 'ä', 'x'.repeat(LIMITS.idCharacters + 1)]) refused(() => identifier<string>(id, 'id'));
  });

  it('of users are as the platform has them', () => {
    for (const id of ['a', 'ä/b', 'x'.repeat(LIMITS.idCharacters)]) expect(userIdentifier(id, 'id')).toBe(id);
    for (const id of ['', 'a b', 'x'.repeat(LIMITS.idCharacters + 1)]) refused(() => userIdentifier(id, 'id'));
  });

  it('are listed once each, and repeats count', () => {
    expect(identifiers<string>(['a', 'b', 'a'], 'ids', 3)).toEqual(['a', 'b']);
    refused(() => identifiers<string>(['a', 'b', 'a'], 'ids', 2));
    refused(() => identifiers<string>(['a', 'b c'], 'ids', 2));
    expect(userIdentifiers(['ä', 'b', 'ä'], 'ids', 3)).toEqual(['ä', 'b']);
    refused(() => userIdentifiers(['ä', 'b', 'ä'], 'ids', 2));
  });

  it('what was left out is null, everything else is checked', () => {
    expect([optional(null, Number), optional(undefined, Number), optional('0', Number)]).toEqual([null, null, 0]);
  });
});

describe('texts', () => {
  it('have so many code points after normalisation', () => {
    expect(text('', 'x', 0, 3)).toBe('');
    expect(text('😀😀😀', 'x', 1, 3)).toBe('😀😀😀');
    expect(text('e\u0301'.repeat(3), 'x', 1, 3)).toBe('é'.repeat(3));
    refused(() => text('', 'x', 1, 3));
    refused(() => text('😀😀😀😀', 'x', 1, 3));
    refused(() => text('x'.repeat(100), 'x', 1, 3));
  });

  it('have LF at the end of lines, and no other control characters but tabs', () => {
    expect(text('a\r\nb\rc\n\td', 'x', 1, 20)).toBe('a\nb\nc\n\td');
    for (const sign of ['\u0000', '\u0007', '\u000b', '\u001f', '\u007f', '\u009f'])
      refused(() => text(sign, 'x', 1, 9));
    refused(() => text('\ud800', 'x', 1, 9));
  });

  it('normalise as a whole up to a hundred marks in a row, and in parts beyond', () => {
    const marks = (count: number): string => `a${'\u0301'.repeat(count - 1)}\u0323`;
    expect(text(marks(100), 'x', 1, 500)).toBe(marks(100).normalize('NFC'));
    const parts = `á${'\u0301'.repeat(99)}\u0323${'\u0301'.repeat(49)}`;
    expect(text(marks(150), 'x', 1, 500)).toBe(parts);
    expect(parts).not.toBe(marks(150).normalize('NFC'));
  });

  it('in any script are normalised as a whole would be', () => {
    const signs = [
      'a',
      'é',
      '\u0323',
      '\u0301',
      '\u0345',
      '\u1100',
      '\u1161',
      '\u11a8',
      '가',
      '\u09c7',
      '\u09be',
      '\u{1d157}',
    ];
    const any = fc.oneof(fc.constantFrom(...signs), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }));
    fc.assert(
      fc.property(fc.array(any, { maxLength: 30 }), (given) => {
        const value = given.join('').replace(/\p{Cc}/gu, ' ');
        expect(text(value, 'x', 0, 500)).toBe(value.normalize('NFC'));
      }),
    );
  });

  it('for people have something visible', () => {
    expect(displayName(' a ', 'name')).toBe(' a ');
    expect(displayName('x'.repeat(LIMITS.nameCharacters), 'name')).toHaveLength(LIMITS.nameCharacters);
    refused(() => displayName('x'.repeat(LIMITS.nameCharacters + 1), 'name'));
    for (const blank of ['', ' ', '\n', '\u2800', '\u200b', '\u3164']) refused(() => visibleText(blank, 'x', 9));
  });

  it('of streamed messages are neither normalised nor short', () => {
    const most = LIMITS.writtenCharacters;
    expect(writtenText('e\u0301\r\n', 'text', 0)).toBe('e\u0301\r\n');
    expect(isTooLongToWrite('😀'.repeat(most))).toBe(false);
    expect(writtenText('x'.repeat(most), 'text', 0)).toHaveLength(most);
    const tooLong = expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', length: 7 });
    for (const given of ['x'.repeat(most + 1), '😀'.repeat(most + 1)])
      expect(() => writtenText(given, 'text', 7)).toThrow(tooLong);
    refused(() => writtenText('\ud800', 'text', 0));
    refused(() => writtenText('\u0000', 'text', 0));
  });
});

describe('numbers', () => {
  it('are whole and not negative', () => {
    expect([natural(0, 'n'), natural(Number.MAX_SAFE_INTEGER, 'n')]).toEqual([0, Number.MAX_SAFE_INTEGER]);
    for (const n of [-1, 0.5, Number.NaN, 2 ** 53]) refused(() => natural(n, 'n'));
    expect([pageSize(0, 'first'), pageSize(LIMITS.pageSize, 'first')]).toEqual([0, LIMITS.pageSize]);
    refused(() => pageSize(LIMITS.pageSize + 1, 'first'));
  });
});

describe('payloads', () => {
  const most = LIMITS.payloadBytes;
  const nested = (levels: number, inner: unknown): unknown =>
    Array.from({ length: levels }).reduce<unknown>((value) => [value], inner);

  it('any JSON value within the caps is kept as it is; nothing is null', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(payload(value, 'payload')).toBe(value);
      }),
    );
    expect([payload(null, 'x'), payload(undefined, 'x'), payload(0, 'x'), payload('', 'x')]).toEqual([
      null,
      null,
      0,
      '',
    ]);
  });

  it('has at most twenty levels', () => {
    for (const inner of [1, 'x', null, true])
      expect(() => payload(nested(LIMITS.payloadDepth, inner), 'payload')).not.toThrow();
    refused(() => payload(nested(LIMITS.payloadDepth, []), 'payload'));
    refused(() => payload(nested(LIMITS.payloadDepth, {}), 'payload'));
    refused(() => payload(nested(LIMITS.payloadDepth + 1, 1), 'payload'));
  });

  it('has at most 32 KiB of JSON, whatever its characters are', () => {
    const fits = [
      'x'.repeat(most - 2),
      'é'.repeat(most / 2 - 1),
      Array(most / 2 - 1).fill(1),
      { a: 'x'.repeat(most - 8) },
    ];
    for (const value of fits) expect(() => payload(value, 'payload')).not.toThrow();
    const over = [
      'x'.repeat(most - 1),
      'é'.repeat(most / 2),
      '\u0001'.repeat(most / 6 + 1),
      { a: 'x'.repeat(most - 7) },
    ];
    for (const value of [...over, Array(most / 2).fill(1), Array(most).fill(null), Array(most / 2).fill([])])
      refused(() => payload(value, 'payload'));
  });

  it('has no key with a meaning of its own, and no lone surrogate', () => {
    for (const key of ['__proto__', '_jsonata_lambda', '_jsonata_function'])
      refused(() => payload(JSON.parse(`[{"a": {"${key}": 1}}]`), 'payload'));
    for (const value of ['\ud800', ['\ud800'], { a: '\udfff' }, { '\ud800': 1 }])
      refused(() => payload(value, 'payload'));
  });

  it('a message has a text or a payload', () => {
    expect(messageBody('a', null)).toEqual({ content: 'a', payload: null });
    expect(messageBody(null, { a: 1 })).toEqual({ content: '', payload: { a: 1 } });
    expect(messageBody(' ', 0)).toEqual({ content: ' ', payload: 0 });
    for (const empty of ['', ' ', null, undefined]) refused(() => messageBody(empty, null));
    refused(() => messageBody('x'.repeat(LIMITS.contentCharacters + 1), null));
    expect(messageBody('x'.repeat(LIMITS.contentCharacters), null).content).toHaveLength(LIMITS.contentCharacters);
  });
});
