/** The size of a JSON value: what JSON.stringify writes, counted once. */
import { jsonSizeOf } from '../../src/rates/json-size.ts';
import fc from '../support/fast-check.ts';

/** How often a function is asked for a value: once per value, the whole one included. */
function valuesWritten(value: unknown): number {
  let values = 0;
  JSON.stringify(value, (_key, each) => {
    values += 1;
    return each;
  });
  return values;
}

describe('the size of a JSON value', () => {
  it('has the characters, bytes and values of the written text', () => {
    const texts = fc.array(fc.constantFrom('é', '€', '𝄞', '"', '\n', '\ud800'));
    const composite = fc.record({ texts, value: fc.jsonValue({ maxDepth: 2 }) });
    fc.assert(
      fc.property(composite, (value) => {
        const text = JSON.stringify(value);
        const bytes = Buffer.from(text).length;
        expect(jsonSizeOf(value)).toEqual({ characters: text.length, bytes, values: valuesWritten(value) });
      }),
    );
  });

  it.each([
    [{}, { characters: 2, bytes: 2, values: 1 }],
    [[null, 'é', { a: [] }], { characters: 19, bytes: 20, values: 5 }],
  ])('%j', (value, size) => {
    expect(jsonSizeOf(value)).toEqual(size);
  });

  it('is computed once for an object', () => {
    const value = { a: 1 };
    const size = jsonSizeOf(value);
    expect(jsonSizeOf(value)).toBe(size);
    expect(jsonSizeOf({ a: 1 })).not.toBe(size);
  });

  it('what JSON has no text for is empty', () => {
    expect(jsonSizeOf(() => undefined)).toMatchObject({ characters: 0, bytes: 0 });
  });
});
