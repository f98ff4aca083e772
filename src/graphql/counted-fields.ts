/** Charges every field of the schema when it is completed, by its size in the response. */
import {
  defaultFieldResolver,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isIntrospectionType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import type { Budget } from '../rates/budget.ts';
import { jsonSizeOf } from '../rates/json-size.ts';
import type { Context } from './context.ts';

type Field = GraphQLField<unknown, Context>;
type Resolve = GraphQLFieldResolver<unknown, Context>;
/** Counts a value, and returns the value to complete in its place. */
type Count = (value: unknown, budget: Budget) => unknown;

/** A list of more items is stopped when the budget ends. */
const LONG_LIST = 20;

/** Quotes, colon and comma, and a number or a brace. */
const PUNCTUATION = 8;

/** A value of each scalar of the language. */
const STANDING = new Map<string, unknown>([
  ['ID', ''],
  ['String', ''],
  ['Int', 0],
  ['Float', 0],
  ['Boolean', false],
]);

const nothing: Count = (value) => value;

function countText(value: unknown, budget: Budget): unknown {
  if (typeof value === 'string') budget.text(value.length);
  else if (value instanceof Date) budget.text(26);
  else if (typeof value === 'object' && value !== null) {
    budget.json(jsonSizeOf(value));
  }
  return value;
}

function countSdl(value: unknown, budget: Budget): unknown {
  if (typeof value === 'string') budget.sdl(value.length);
  return value;
}

function countItems(value: unknown, budget: Budget): unknown {
  if (!Array.isArray(value)) return value;
  budget.items(value.length);
  return value.length > LONG_LIST ? untilOver(value, budget) : value;
}

/** Completes the items of a long list for as long as the budget lasts. */
function* untilOver(items: readonly unknown[], budget: Budget): Generator<unknown> {
  for (const item of items) {
    // Ends the list and does not throw: graphql-js would lose track of items that are still being completed. The result
    // is not sent.
    if (budget.isOver) return;
    yield item;
  }
}

function countOf(type: GraphQLOutputType): Count {
  if (isListType(getNullableType(type))) return countItems;
  return isLeafType(getNamedType(type)) ? countText : nothing;
}

/** A value that completes a field without work, since the result is not sent; null: there is none. */
function skippedOf(type: GraphQLOutputType): { readonly value: unknown } | null {
  if (!isNonNullType(type)) return { value: null };
  if (isListType(type.ofType)) return { value: [] };
  if (isEnumType(type.ofType)) return { value: type.ofType.getValues()[0]?.value };
  const standing = STANDING.get(type.ofType.name);
  return standing === undefined ? null : { value: standing };
}

const isPromise = (value: unknown): value is Promise<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

function counted(field: Field, count: Count): Resolve {
  const resolve: Resolve = field.resolve ?? defaultFieldResolver;
  const skipped = skippedOf(field.type);
  return (source, args, context, info) => {
    const { budget } = context;
    // Only the first refusal is an error of the operation: an error for each later field would cost more than the field.
    if (budget.isOver) return skipped ? skipped.value : Promise.reject(budget.located);
    try {
      budget.field(keyOf(info).length + PUNCTUATION);
      const value: unknown = resolve(source, args, context, info);
      if (count === nothing) return value;
      if (isPromise(value)) return value.then((result) => count(result, budget));
      return count(value, budget);
    } catch (error) {
      // Rejects and does not throw: graphql-js would lose track of earlier items of a list, and leave their rejections
      // unhandled.
      return Promise.reject(error);
    }
  };
}

/** The response key. A client chooses it, at any length. */
const keyOf = ({ path }: GraphQLResolveInfo): string => path.key as string;

/** A change is completed or not begun, so the budget is checked only before the change. */
function changing(resolve: Resolve): Resolve {
  return (source, args, context, info) => {
    const { budget } = context;
    budget.field(0);
    budget.isChanging = true;
    const done = (): void => {
      budget.isChanging = false;
      context.forget();
    };
    try {
      const value: unknown = resolve(source, args, context, info);
      if (isPromise(value)) return value.finally(done);
      done();
      return value;
    } catch (error) {
      done();
      throw error;
    }
  };
}

export function countFields(schema: GraphQLSchema): void {
  const mutation = schema.getMutationType();
  for (const type of Object.values(schema.getTypeMap())) {
    // Introspection is counted before it runs.
    if (!isObjectType(type) || isIntrospectionType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      field.resolve = counted(field, type.name === '_Service' ? countSdl : countOf(field.type));
      // graphql-js runs these one after the other, each with its whole selection.
      if (type === mutation) field.resolve = changing(field.resolve);
    }
  }
}
