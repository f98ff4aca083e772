/** The checks of environment variables. Each returns undefined for an invalid text. */
import { accessSync, constants, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Retention } from '../model.ts';

export interface Variable<Value> {
  /** The values it takes, in words; part of the error message and of docs/configuration.md. */
  readonly takes: string;
  /** Its meaning, for docs/configuration.md. */
  readonly meaning: string;
  /** The value when it is unset, as text; null: unset stays unset. */
  readonly default: string | null;
  /** Undefined when the text is not valid. */
  parse(text: string): Value | undefined;
}

export const variable = <Value>(
  meaning: string,
  takes: string,
  fallback: string | null,
  parse: (text: string) => Value | undefined,
): Variable<Value> => ({ meaning, takes, default: fallback, parse });

/** A variable whose value is a setting of `Config` unchanged. */
export interface Setting<Key extends string, Value> extends Variable<Value> {
  readonly setting: Key;
  /** The setting when the variable is unset. */
  readonly unset: Value | null;
}

type Parse<Value> = (text: string) => Value | undefined;

export function setting<Key extends string, Value>(
  key: Key,
  meaning: string,
  takes: string,
  fallback: string,
  parse: Parse<Value>,
): Setting<Key, Value>;
export function setting<Key extends string, Value>(
  key: Key,
  meaning: string,
  takes: string,
  fallback: null,
  parse: Parse<Value>,
): Setting<Key, Value | null>;
export function setting<Key extends string, Value>(
  key: Key,
  meaning: string,
  takes: string,
  fallback: string | null,
  parse: Parse<Value>,
): Setting<Key, Value | null> {
  return { ...variable(meaning, takes, fallback, parse), setting: key, unset: null };
}

/** A list of values; empty when the variable is unset. */
export const list = <Key extends string, Item>(
  key: Key,
  meaning: string,
  takes: string,
  parse: Parse<readonly Item[]>,
): Setting<Key, readonly Item[]> => ({ ...variable(meaning, takes, null, parse), setting: key, unset: [] });

export const anyText = (value: string): string | undefined => (value.trim() === '' ? undefined : value);

const itemsOf = (value: string): string[] | undefined => {
  const items = value.split(',').map((item) => item.trim());
  return items.every((item) => item !== '') ? items : undefined;
};

export const whole =
  (least: number, most: number) =>
  (value: string): number | undefined => {
    const number = Number(value);
    return /^\d+$/.test(value) && number >= least && number <= most ? number : undefined;
  };

const someWorkers = whole(1, 256);

/** A number of processes; `auto` is the number of cores. */
export const workers = (value: string): number | undefined =>
  value === 'auto' ? availableParallelism() : someWorkers(value);

export const flag = (value: string): boolean | undefined => ({ true: true, false: false })[value];

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const duration = (value: string): number | undefined => {
  const [, amount, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(value) ?? [];
  const factor = DURATION_UNITS[unit ?? ''];
  return factor === undefined ? undefined : Number(amount) * factor;
};

/** Not zero. */
export const positive =
  (parse: (value: string) => number | undefined) =>
  (value: string): number | undefined =>
    parse(value) || undefined;

/** A duration of a second to ten years. */
export const lifetime = (value: string): number | undefined => {
  const ms = duration(value);
  return ms !== undefined && ms >= 1_000 && ms <= 3_650 * 86_400_000 ? ms : undefined;
};

export const retention = (value: string): Retention | undefined => {
  const ageMs = lifetime(value);
  if (ageMs !== undefined) return { ageMs };
  return value === 'all' ? null : whole(1, 1_000_000_000)(value);
};

/** Null: for ever. */
export const keptFor = (value: string): number | null | undefined => (value === 'never' ? null : lifetime(value));

const BYTE_UNITS: Record<string, number> = { B: 1, KiB: 1_024, MiB: 1_048_576 };

export const bytes = (value: string): number | undefined => {
  const [, amount, unit] = /^([1-9]\d{0,8})(B|KiB|MiB)?$/.exec(value) ?? [];
  return amount === undefined ? undefined : Number(amount) * (BYTE_UNITS[unit ?? 'B'] ?? 1);
};

/** A size, or a share of the heap that this process may have. */
export const bytesOrShare = (value: string): number | undefined => {
  const [, percent] = /^([1-9]\d?)%$/.exec(value) ?? [];
  return percent === undefined
    ? bytes(value)
    : Math.floor((getHeapStatistics().heap_size_limit * Number(percent)) / 100);
};

export const url =
  (...protocols: string[]) =>
  (value: string): string | undefined =>
    URL.canParse(value) && protocols.includes(new URL(value).protocol) ? value : undefined;

/** Without a slash at its end. */
export const baseUrl = (value: string): string | undefined => {
  let end = value.length;
  while (value[end - 1] === '/') end -= 1;
  return url('https:', 'http:')(value)?.slice(0, end);
};

export const all =
  <Item>(parse: (item: string) => Item | undefined) =>
  (value: string): Item[] | undefined => {
    const items = itemsOf(value)?.map(parse);
    return items?.every((item) => item !== undefined) ? (items as Item[]) : undefined;
  };

/** A field of the schema, such as `User.status`. Whether it exists is checked when the schema is built. */
export const field = (value: string): string | undefined =>
  /^[_A-Za-z]\w*\.[_A-Za-z]\w*$/.test(value) ? value : undefined;

/** An origin with an app's own scheme, such as `capacitor://localhost`. The URL standard calls it opaque. */
const APP_ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[\w.-]+(:\d+)?$/;

export const origin = (value: string): string | undefined => {
  if (value === '*') return value;
  const known = URL.canParse(value) ? new URL(value).origin : undefined;
  return known === value || (known === 'null' && APP_ORIGIN.test(value)) ? value : undefined;
};

export const longSecret = (value: string): string | undefined => (Buffer.byteLength(value) >= 32 ? value : undefined);

/** A readable file. */
export const file = (value: string): string | undefined => {
  try {
    accessSync(value, constants.R_OK);
    return statSync(value).isDirectory() ? undefined : value;
  } catch {
    return undefined;
  }
};
