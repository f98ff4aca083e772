/** Random operations over the whole schema, up to the limits, and some beyond them. */
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { pick, type Random } from '../../faults/random.ts';

type Field = GraphQLField<unknown, unknown>;

export interface Operation {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** What ids stand for in the service that is asked. */
export interface Named {
  readonly conversationId: string;
  readonly messageId: string;
  readonly userId: string;
}

const SIZES = [0, 1, 2, 50, 200, 1_000];
const MOST_FIELDS = 1_500;
/** Keeps most of them within the tokens of a document. */
const MOST_CHARACTERS = 15_000;

/** Writes one operation; nothing of it is remembered for the next. */
class Writer {
  readonly #schema: GraphQLSchema;
  readonly #random: Random;
  readonly #named: Named;
  readonly #fragments: string[] = [];
  readonly #variables: string[] = [];
  readonly values: Record<string, unknown> = {};
  #fields = 0;
  #names = 0;
  #aliases = 190;
  #characters = 0;

  constructor(schema: GraphQLSchema, random: Random, named: Named) {
    this.#schema = schema;
    this.#random = random;
    this.#named = named;
  }

  operation(): string {
    const root = this.#schema.getQueryType();
    if (!root) throw new Error('The schema has no queries.');
    const selection = this.#selection(root, 0);
    const declared = this.#variables.length > 0 ? `(${this.#variables.join(', ')})` : '';
    return `query ${declared} ${selection} ${this.#fragments.join(' ')}`;
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  #name(letter: string): string {
    this.#names += 1;
    return `${letter}${this.#names}`;
  }

  #selection(type: GraphQLObjectType, depth: number): string {
    const all = Object.values(type.getFields());
    const fields = new Set(Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => pick(this.#random, all)));
    const parts = [...fields].map((field) => this.#repeated(field, depth));
    return `{ __typename ${parts.join(' ')} }`;
  }

  /** A field, or many of it under other names, or in a fragment that is spread. */
  #repeated(field: Field, depth: number): string {
    const inner = this.#field(field, depth);
    if (inner === null) return '';
    const each = 1 + (inner.match(/\ba\d+:/g)?.length ?? 0);
    const most = Math.floor(Math.min(this.#aliases / each, (MOST_CHARACTERS - this.#characters) / inner.length));
    const times = this.#chance(0.4) ? Math.floor(this.#random() * most) : 0;
    if (times < 2) return inner;
    this.#aliases -= times * each;
    this.#characters += times * inner.length;
    return Array.from({ length: times }, () => this.#aliased(inner)).join(' ');
  }

  #aliased(field: string): string {
    return `${this.#name('a')}: ${field}`;
  }

  /** Null: it is asked for no deeper. */
  #field(field: Field, depth: number): string | null {
    // Takes what only a few may write.
    if (field.args.some(({ type }) => isInputObjectType(getNamedType(type)))) return null;
    this.#fields += 1;
    if (this.#fields > MOST_FIELDS) return null;
    const type = getNamedType(field.type);
    const call = `${field.name}${this.#arguments(field)}`;
    if (isLeafType(type)) return call;
    if (depth >= 8) return null;
    if (isUnionType(type)) {
      const member = pick(this.#random, [...type.getTypes()]);
      return `${call} { ... on ${member.name} ${this.#selection(member, depth + 1)} }`;
    }
    if (!isObjectType(type)) return null;
    const selection = this.#selection(type, depth + 1);
    if (!this.#chance(0.2)) return `${call} ${selection}`;
    const fragment = this.#name('F');
    this.#fragments.push(`fragment ${fragment} on ${type.name} ${selection}`);
    return `${call} { ...${fragment} }`;
  }

  #arguments(field: Field): string {
    const given = field.args
      .filter(({ type }) => isNonNullType(type) || this.#chance(0.5))
      .map(({ name, type }) => `${name}: ${this.#argument(name, type)}`);
    return given.length > 0 ? `(${given.join(', ')})` : '';
  }

  /** A literal, a variable, or a variable that is left out for its default. */
  #argument(name: string, type: GraphQLInputType): string {
    const value = this.#value(name, type);
    const isPlain = !isEnumType(getNamedType(type));
    if (!isPlain || this.#chance(0.5))
      return name === 'representations' ? this.#bind(type, value) : literal(value, type);
    if (name === 'representations' || this.#chance(0.5)) return this.#bind(type, value);
    const variable = this.#name('v');
    this.#variables.push(`$${variable}: ${type} = ${literal(value, type)}`);
    return `$${variable}`;
  }

  #bind(type: GraphQLInputType, value: unknown): string {
    const variable = this.#name('v');
    this.#variables.push(`$${variable}: ${type}`);
    this.values[variable] = value;
    return `$${variable}`;
  }

  #value(name: string, type: GraphQLInputType): unknown {
    if (isNonNullType(type)) return this.#value(name, type.ofType);
    const { conversationId, messageId, userId } = this.#named;
    if (name === 'representations') {
      const entities = [
        { __typename: 'User', id: userId },
        { __typename: 'Conversation', id: conversationId },
        { __typename: 'Message', id: messageId },
      ];
      const entity = pick(this.#random, entities);
      return Array.from({ length: pick(this.#random, [1, 10, 100, 900]) }, () => entity);
    }
    if (isListType(type)) return [this.#value(name, type.ofType)];
    const named = getNamedType(type);
    if (isEnumType(named))
      return pick(
        this.#random,
        named.getValues().map((value) => value.name),
      );
    if (named.name === 'Int') return pick(this.#random, SIZES);
    if (named.name === 'Boolean') return this.#chance(0.5);
    if (name === 'userIds') return userId;
    return pick(this.#random, [conversationId, messageId, userId]);
  }
}

function literal(value: unknown, type: GraphQLInputType): string {
  if (Array.isArray(value)) return `[${value.map((each) => literal(each, type)).join(', ')}]`;
  return isEnumType(getNamedType(type)) ? String(value) : JSON.stringify(value);
}

export function randomOperation(schema: GraphQLSchema, random: Random, named: Named): Operation {
  const writer = new Writer(schema, random, named);
  const query = writer.operation();
  return { query, variables: writer.values };
}
