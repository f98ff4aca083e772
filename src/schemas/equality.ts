/**
 * The keywords `const` and `enum` of JSON Schema, which compare JSON values.
 *
 * ajv compares objects by calling their `valueOf` and `toString`. In a payload these may be ordinary keys whose values
 * are not functions.
 */
import { _, type FuncKeywordDefinition } from 'ajv';

/** Whether two values of JSON are equal. The order of an object's properties does not count. */
function isEqual(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every(
      (name) =>
        Object.hasOwn(other, name) &&
        isEqual((one as Record<string, unknown>)[name], (other as Record<string, unknown>)[name]),
    )
  );
}

/** These keywords replace ajv's, with the same errors. */
export const EQUALITY: readonly (FuncKeywordDefinition & { readonly keyword: string })[] = [
  {
    keyword: 'const',
    compile: (value: unknown) => (data) => isEqual(value, data),
    error: { message: 'must be equal to constant' },
  },
  {
    keyword: 'enum',
    schemaType: 'array',
    compile: (values: readonly unknown[]) => (data) => values.some((value) => isEqual(value, data)),
    error: {
      message: 'must be equal to one of the allowed values',
      params: ({ schemaCode }) => _`{allowedValues: ${schemaCode}}`,
    },
  },
];
