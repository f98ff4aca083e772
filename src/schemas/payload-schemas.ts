/** JSON Schemas of payloads, compiled by ajv. `allowed.ts` says which schemas tenants may write. */
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { LRUCache } from 'lru-cache';
import type { PayloadSchemas } from '../domain/topic-access.ts';
import { LIMITS } from '../limits.ts';
import { weigh } from './allowed.ts';
import { EQUALITY } from './equality.ts';

interface Compiled {
  readonly validate: ValidateFunction;
  /** Values of the schema: the steps that one value of a payload may cost. */
  readonly values: number;
}

/** Characters of a string that take about as long as one value. */
const CHARACTERS_PER_STEP = 16;

/** The number of values of a payload, including property names and long strings. */
function weightOf(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length / CHARACTERS_PER_STEP;
  if (typeof value !== 'object' || value === null) return 1;
  let weight = 1;
  if (Array.isArray(value)) for (const item of value) weight += weightOf(item);
  else for (const [name, child] of Object.entries(value)) weight += weightOf(name) + weightOf(child);
  return weight;
}

const characters = (text: string): string => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

function told({ instancePath, message, params }: ErrorObject): string {
  const { allowedValues, additionalProperty } = params as { allowedValues?: unknown; additionalProperty?: unknown };
  const what = allowedValues ?? additionalProperty;
  const more = what === undefined ? '' : `: ${JSON.stringify(what)}`;
  return characters(`${instancePath || 'it'} ${message ?? 'is not allowed'}${more}`);
}

function createAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    // Inherited properties are not part of a payload.
    ownProperties: true,
    addUsedSchema: false,
    logger: false,
  });
  for (const definition of EQUALITY) ajv.removeKeyword(definition.keyword).addKeyword(definition);
  return ajv;
}

export function createPayloadSchemas(): PayloadSchemas {
  // Created with the first schema: compiling its own schemas takes a while, and most tenants have none.
  let ajv: Ajv2020 | null = null;
  const compiled = new LRUCache<string, Compiled>({ max: LIMITS.compiledSchemas });

  function compile(schema: object, values: number): Compiled {
    ajv ??= createAjv();
    try {
      return { validate: ajv.compile(schema), values };
    } finally {
      // Otherwise ajv would cache it for ever.
      ajv.removeSchema(schema);
    }
  }

  function find(json: string): Compiled {
    const known = compiled.get(json);
    if (known) return known;
    const schema = JSON.parse(json) as object;
    const weight = weigh(schema);
    if ('fault' in weight) throw new Error(`A saved schema is no longer allowed: ${weight.fault}`);
    const made = compile(schema, weight.values);
    compiled.set(json, made);
    return made;
  }

  return {
    fault(schema) {
      const weight = weigh(schema);
      if ('fault' in weight) return weight.fault;
      try {
        compile(schema as object, weight.values);
        return null;
      } catch (error) {
        return characters((error as Error).message);
      }
    },

    breach(json, payload) {
      const { validate, values } = find(json);
      if (weightOf(payload) * values > LIMITS.schemaSteps) return 'it has too many values for this schema.';
      return validate(payload) ? null : told(validate.errors?.at(-1) as ErrorObject);
    },
  };
}
