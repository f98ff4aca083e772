/** Every possible question, generated from the schema: a new field is included without a change here. */
import {
  buildClientSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getIntrospectionQuery,
  getNamedType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
} from 'graphql';
import { pick, type Random } from '../../faults/random.ts';

type Field = GraphQLField<unknown, unknown>;

/** What is asked about: the values that arguments of a kind take. */
export interface Subject {
  /** Null: arguments that may be left out are. */
  readonly conversationId: string | null;
  /** One of the conversation's messages; any id where it has none. */
  readonly messageId: string;
  readonly userId: string;
  readonly position: string;
  /** Whether an argument that is only called `id` is the message's. */
  readonly isMessage: boolean;
  /** For whom a service asks, where it may say so. */
  readonly onBehalfOf: string | null;
}

export interface Questions {
  rootFields(kind: 'query' | 'mutation' | 'subscription'): readonly Field[];
  /** One operation: a root field, and everything below it. */
  whole(kind: string, field: Field, subject: Subject): string;
  /** One operation: a root field without branches, since an error in a branch may take the leaves away. */
  leaves(kind: string, field: Field, subject: Subject): string;
  /** One operation: a root field, and one way down: what fails beside it takes nothing away. */
  chain(kind: string, field: Field, subject: Subject, random: Random): string;
}

/** The id of the message where there is none. */
export const NO_MESSAGE = 'none';

const WHOLE_DEPTH = 3;
const CHAIN_DEPTH = 6;

export function createQuestions(introspection: Parameters<typeof buildClientSchema>[0]): Questions {
  const schema: GraphQLSchema = buildClientSchema(introspection);
  const roots = {
    query: schema.getQueryType(),
    mutation: schema.getMutationType(),
    subscription: schema.getSubscriptionType(),
  };

  function valueFor(name: string, type: GraphQLInputType, subject: Subject): string {
    if (isNonNullType(type)) return valueFor(name, type.ofType, subject);
    if (isListType(type)) return `[${valueFor(name, type.ofType, subject)}]`;
    if (isEnumType(type)) return type.getValues().at(-1)?.name ?? 'null';
    if (isInputObjectType(type)) {
      const given = Object.values(type.getFields()).filter((field) => isGiven(field, subject));
      return `{${given.map((field) => `${field.name}: ${valueFor(field.name, field.type, subject)}`).join(', ')}}`;
    }
    if (type.name === 'Int' || type.name === 'Float') return '1';
    if (type.name === 'Boolean') return 'true';
    if (type.name === 'JSON') return '{a: 1}';
    if (type.name === '_Any') {
      const entities = schema.getType('_Entity');
      const types = isAbstractType(entities) ? schema.getPossibleTypes(entities) : [];
      const id = (typeName: string): string => {
        if (typeName === 'User') return subject.userId;
        return typeName === 'Message' ? subject.messageId : (subject.conversationId ?? 'none');
      };
      return types.map(({ name: each }) => `{__typename: "${each}", id: "${id(each)}"}`).join(', ');
    }
    if (type.name === 'ID') return JSON.stringify(idOf(name, subject));
    return '"x"';
  }

  function isGiven({ name, type }: GraphQLArgument | GraphQLInputField, subject: Subject): boolean {
    const { conversationId, messageId, onBehalfOf } = subject;
    if (name === 'onBehalfOf') return onBehalfOf !== null;
    if (name === 'replyToId') return onBehalfOf !== null && messageId !== NO_MESSAGE;
    return isNonNullType(type) || (conversationId !== null && /^(id|conversationIds|content)$/.test(name));
  }

  function args(field: Field, about: Subject): string {
    const subject = getNamedType(field.type).name === 'Message' ? { ...about, isMessage: true } : about;
    const given = field.args.filter((argument) => isGiven(argument, subject));
    if (given.length === 0) return '';
    return `(${given.map(({ name, type }) => `${name}: ${valueFor(name, type, subject)}`).join(', ')})`;
  }

  function fieldsOf(type: GraphQLObjectType): Field[] {
    return Object.values(type.getFields());
  }

  function below(type: GraphQLOutputType, depth: number, subject: Subject): string {
    const named = getNamedType(type);
    if (isLeafType(named)) return '';
    if (isAbstractType(named)) {
      const parts = schema.getPossibleTypes(named).map((each) => `... on ${each.name} ${below(each, depth, subject)}`);
      return `{ __typename ${parts.join(' ')} }`;
    }
    if (!isObjectType(named)) return '';
    const parts = fieldsOf(named)
      .filter((field) => depth > 1 || isLeafType(getNamedType(field.type)))
      .map((field) => `${field.name}${args(field, subject)} ${below(field.type, depth - 1, subject)}`);
    return `{ __typename ${parts.join(' ')} }`;
  }

  function oneBelow(type: GraphQLOutputType, depth: number, subject: Subject, random: Random): string {
    const named = getNamedType(type);
    if (isLeafType(named)) return '';
    if (isAbstractType(named)) {
      const each = pick(random, schema.getPossibleTypes(named));
      return `{ ... on ${each.name} ${oneBelow(each, depth, subject, random)} }`;
    }
    if (!isObjectType(named)) return '';
    const fields = fieldsOf(named);
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type))).map(({ name }) => name);
    const branches = fields.filter((field) => !isLeafType(getNamedType(field.type)));
    if (branches.length === 0 || depth === 1) return `{ __typename ${leaves.join(' ')} }`;
    const field = pick(random, branches);
    return `{ ${field.name}${args(field, subject)} ${oneBelow(field.type, depth - 1, subject, random)} }`;
  }

  return {
    rootFields: (kind) => fieldsOf(roots[kind] as GraphQLObjectType),
    whole: (kind, field, subject) =>
      `${kind} { ${field.name}${args(field, subject)} ${below(field.type, WHOLE_DEPTH, subject)} }`,
    leaves: (kind, field, subject) =>
      `${kind} { ${field.name}${args(field, subject)} ${below(field.type, 1, subject)} }`,
    chain: (kind, field, subject, random) =>
      `${kind} { ${field.name}${args(field, subject)} ${oneBelow(field.type, CHAIN_DEPTH, subject, random)} }`,
  };
}

function idOf(name: string, subject: Subject): string {
  const { conversationId, messageId, userId, position, isMessage } = subject;
  if (name === 'onBehalfOf') return subject.onBehalfOf ?? userId;
  if (/^userIds?$|^memberIds$/.test(name)) return userId;
  if (/^conversationIds?$/.test(name)) return conversationId ?? 'none';
  if (/^messageId$|^replyToId$/.test(name)) return messageId;
  if (name === 'after') return position;
  return isMessage ? messageId : (conversationId ?? 'none');
}

export const INTROSPECTION = getIntrospectionQuery();
