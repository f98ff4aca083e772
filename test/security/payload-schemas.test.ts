/** Which schemas tenants may save, and the greatest cost of checking a payload. */
import { LIMITS } from '../../src/limits.ts';
import { createPayloadSchemas } from '../../src/schemas/payload-schemas.ts';

const schemas = createPayloadSchemas();
const nested = (levels: number, inner: object = {}): object =>
  levels === 0 ? inner : { properties: { a: nested(levels - 1, inner) } };

describe('schemas of payloads', () => {
  it.each([
    ['a regular expression', { pattern: '^(a+)+$' }],
    ['a regular expression for names', { patternProperties: { '^(a+)+$': {} } }],
    ['a regular expression for names of names', { propertyNames: { pattern: 'x' } }],
    ['a format', { properties: { a: { format: 'email' } } }],
    ['a reference', { properties: { a: { $ref: '#' } } }],
    ['an id, which others could refer to', { $id: 'https://example.org/a' }],
    ['definitions', { $defs: { a: {} } }],
    ['items compared with each other', { items: { uniqueItems: true } }],
    ['an unknown keyword', { typo: 'object' }],
    ['an older dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }],
    ['a value that is no schema', { properties: { a: 1 } }],
    ['a list', []],
    ['a text', 'object'],
    ['anything', true],
    ['nothing', null],
    ['an unknown type', { type: 'strin' }],
    ['an invalid limit', { maxLength: -1 }],
    ['the name of a prototype', { properties: JSON.parse('{"__proto__": {}}') }],
    ['a name behind data', { const: JSON.parse('{"__proto__": 1}') }],
    ['many levels of schemas', nested(LIMITS.schemaDepth)],
    ['many levels of data', { const: JSON.parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`) }],
  ])('%s is refused with a reason', (_, schema) => {
    const fault = schemas.fault(schema);
    expect(fault).toEqual(expect.any(String));
    expect(fault?.length).toBeLessThanOrEqual(250);
  });

  it.each([
    [
      'characters',
      LIMITS.schemaCharacters - '{"description":""}'.length,
      (n: number) => ({ description: 'x'.repeat(n) }),
    ],
    // The schema counts, and so does the list.
    ['values', LIMITS.schemaValues - 2, (n: number) => ({ enum: Array.from({ length: n }, (_, nth) => nth) })],
    // A schema in `properties` is two levels below.
    ['levels', LIMITS.schemaDepth, (n: number) => (n % 2 === 0 ? nested(n / 2) : nested((n - 1) / 2, { const: 1 }))],
  ])('as many %s as the cap are accepted, and one more is refused', (word, most, schemaOf) => {
    expect(schemas.fault(schemaOf(most))).toBeNull();
    expect(schemas.fault(schemaOf(most + 1))).toContain(word);
  });

  it.each([
    [
      { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'], additionalProperties: false },
      { a: 1 },
    ],
    [{ $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'x', enum: ['a', { b: 1 }] }, { b: 1 }],
    [{ oneOf: [{ const: 1 }, { type: 'string', minLength: 2 }] }, '😀😀'],
    [JSON.parse('{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"maxProperties":0}}'), { a: 1, b: 1 }],
    [{ prefixItems: [{ type: 'number' }], items: { type: 'string' }, minItems: 1 }, [1, 'x']],
    [
      { dependentRequired: { a: ['b'] }, propertyNames: { maxLength: 1 } },
      { a: 1, b: 2 },
    ],
    [nested(LIMITS.schemaDepth / 2 - 1), { a: 1 }],
  ])('%j allows %j', (schema, payload) => {
    expect(schemas.fault(schema)).toBeNull();
    expect(schemas.breach(JSON.stringify(schema), payload)).toBeNull();
  });

  it.each([
    [
      { properties: { status: { enum: ['RUNNING', 'DONE'] } } },
      { status: 'X' },
      '/status must be equal to one of the allowed values: ["RUNNING","DONE"]',
    ],
    [{ required: ['a'] }, {}, "it must have required property 'a'"],
    [{ type: 'object', additionalProperties: false }, { b: 1 }, 'it must NOT have additional properties: "b"'],
    // What every object inherits is nobody's payload.
    [{ required: ['toString'] }, {}, "it must have required property 'toString'"],
    [{ anyOf: [{ type: 'string' }, { type: 'number' }] }, null, 'it must match a schema in anyOf'],
  ])('%j does not allow %j', (schema, payload, why) => {
    expect(schemas.breach(JSON.stringify(schema), payload)).toBe(why);
  });

  it.each(Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== '__proto__'))(
    'G13: the name %s is compared like any other name',
    (name) => {
      const values = [1, null, 'x', [], {}].map((value) => ({ [name]: value }));
      for (const value of values)
        for (const other of values)
          for (const schema of [{ const: { a: value } }, { enum: [0, { a: value }] }]) {
            const breach = schemas.breach(JSON.stringify(schema), { a: other });
            if (value === other) expect(breach).toBeNull();
            else expect(breach).toMatch(/^it must be equal to /);
          }
      for (const json of [{ const: { b: 1 } }, { enum: [{ b: 1 }] }, { const: [] }].map((schema) =>
        JSON.stringify(schema),
      ))
        expect(schemas.breach(json, { [name]: 1 })).toMatch(/^it must be equal to /);
    },
  );

  it('a payload that would take too many steps is refused before any step', () => {
    const heavy = { items: { anyOf: Array.from({ length: 150 }, () => ({ const: 1 })) } };
    expect(schemas.fault(heavy)).toBeNull();
    expect(schemas.breach(JSON.stringify(heavy), Array(1_000).fill(1))).toBeNull();
    const refusal = 'it has too many values for this schema.';
    expect(schemas.breach(JSON.stringify(heavy), Array(10_000).fill(1))).toBe(refusal);
    const lengths = { allOf: Array.from({ length: 150 }, () => ({ minLength: 1 })) };
    expect(schemas.breach(JSON.stringify(lengths), 'x'.repeat(64 * 1024))).toBe(refusal);
  });
});
