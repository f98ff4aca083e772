/**
 * The size of a JSON value in a response. Computed once, where the value is read, since one payload may be in many
 * responses.
 */

export interface JsonSize {
  readonly characters: number;
  readonly bytes: number;
  readonly values: number;
}

const sizes = new WeakMap<object, JsonSize>();

export function jsonSizeOf(value: object): JsonSize {
  const known = sizes.get(value);
  if (known) return known;
  const text = JSON.stringify(value) ?? '';
  const size = { characters: text.length, bytes: Buffer.byteLength(text), values: valuesIn(value) };
  sizes.set(value, size);
  return size;
}

function valuesIn(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  let values = 1;
  for (const key in value) values += valuesIn((value as Record<string, unknown>)[key]);
  return values;
}
