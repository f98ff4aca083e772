/**
 * The JSON Schemas that tenants may save: a check takes time proportional to schema and payload.
 *
 * These are not allowed: regular expressions (`pattern`, `patternProperties`, `format`), references (`$ref`: a few lines
 * can double the work many times, or recurse for ever) and comparisons of items with each other (`uniqueItems`).
 */
import { LIMITS } from '../limits.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

/** The value of a keyword: a schema, a list or a map of schemas, or data. */
type Holds = 'schema' | 'schemas' | 'named' | 'data';

const KEYWORDS: ReadonlyMap<string, Holds> = new Map<string, Holds>([
  ...(['additionalProperties', 'items', 'contains', 'propertyNames', 'not', 'if', 'then', 'else'] as const).map(
    (keyword) => [keyword, 'schema'] as const,
  ),
  ...(['allOf', 'anyOf', 'oneOf', 'prefixItems'] as const).map((keyword) => [keyword, 'schemas'] as const),
  ...(['properties', 'dependentSchemas'] as const).map((keyword) => [keyword, 'named'] as const),
  ...(
    [
      '$schema',
      '$comment',
      'title',
      'description',
      'default',
      'examples',
      'deprecated',
      'readOnly',
      'writeOnly',
      'type',
      'enum',
      'const',
      'required',
      'dependentRequired',
      'minimum',
      'maximum',
      'exclusiveMinimum',
      'exclusiveMaximum',
      'multipleOf',
      'minLength',
      'maxLength',
      'minItems',
      'maxItems',
      'minContains',
      'maxContains',
      'minProperties',
      'maxProperties',
    ] as const
  ).map((keyword) => [keyword, 'data'] as const),
]);

/** Thrown at the first fault. */
class SchemaFault extends Error {}

class Walk {
  /** Number of values so far. */
  values = 0;

  schema(value: unknown, at: string, depth: number): void {
    this.#count(at, depth);
    if (typeof value === 'boolean') return;
    for (const [keyword, held] of this.#entries(value, at)) {
      const holds = KEYWORDS.get(keyword);
      if (!holds) throw new SchemaFault(`${at}: must not have the keyword ${keyword.slice(0, 50)}.`);
      if (keyword === '$schema' && held !== DIALECT) throw new SchemaFault(`${at}/$schema: must be ${DIALECT}.`);
      this.#held(holds, held, `${at}/${keyword}`, depth + 1);
    }
  }

  #held(holds: Holds, held: unknown, at: string, depth: number): void {
    if (holds === 'schema') return this.schema(held, at, depth);
    if (holds === 'data') return this.#data(held, at, depth);
    this.#count(at, depth);
    if (holds === 'schemas' && !Array.isArray(held)) throw new SchemaFault(`${at}: must be a list of schemas.`);
    const entries = Array.isArray(held) ? held.entries() : this.#entries(held, at);
    for (const [name, each] of entries) this.schema(each, `${at}/${name}`, depth + 1);
  }

  #data(value: unknown, at: string, depth: number): void {
    this.#count(at, depth);
    if (typeof value !== 'object' || value === null) return;
    const children = Array.isArray(value) ? value : this.#entries(value, at).map(([, child]) => child);
    for (const child of children) this.#data(child, at, depth + 1);
  }

  #entries(value: unknown, at: string): [string, unknown][] {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new SchemaFault(`${at}: must be an object.`);
    const entries = Object.entries(value);
    if (entries.some(([name]) => name === '__proto__'))
      throw new SchemaFault(`${at}: must not have the name __proto__.`);
    return entries;
  }

  #count(at: string, depth: number): void {
    this.values += 1;
    if (this.values > LIMITS.schemaValues) throw new SchemaFault(`must have at most ${LIMITS.schemaValues} values.`);
    if (depth > LIMITS.schemaDepth) throw new SchemaFault(`${at}: must have at most ${LIMITS.schemaDepth} levels.`);
  }
}

/** The number of values of a schema, or its fault. */
export function weigh(schema: unknown): { readonly values: number } | { readonly fault: string } {
  const walk = new Walk();
  try {
    if (typeof schema === 'boolean') throw new SchemaFault('must be an object.');
    walk.schema(schema, '#', 0);
  } catch (error) {
    if (error instanceof SchemaFault) return { fault: error.message };
    throw error;
  }
  const { length } = JSON.stringify(schema);
  if (length > LIMITS.schemaCharacters)
    return { fault: `must have at most ${LIMITS.schemaCharacters} characters of JSON.` };
  return { values: walk.values };
}
