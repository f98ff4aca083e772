/**
 * Compiles an operation that runs once for each event: everything that depends only on its document and variables is
 * computed once.
 *
 * It writes the response as JSON, and handles the plain case only: each field is available synchronously and without an
 * error. In any other case (a promise, an error, null for a non-null field) it gives up, and graphql-js executes the
 * event instead. So graphql-js alone implements waiting, errors and their paths.
 */
import {
  defaultFieldResolver,
  defaultTypeResolver,
  type ExecutionArgs,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLAbstractType,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  TypeNameMetaFieldDef,
} from 'graphql';
import { collectFields, collectSubfields } from 'graphql/execution/collectFields.js';

/** A value as JSON; null: it gives up. */
type Write = (value: unknown, context: unknown) => string | null;
type Variables = Record<string, unknown>;
type Fields = ReadonlyMap<string, readonly FieldNode[]>;

const NULL = 'null';

const unknownHere = (what: string): never => {
  throw new Error(`A compiled operation does not know ${what}.`);
};

/** The operation as resolvers see it. Properties that differ between events are unknown; reading one throws. */
class FieldInfo implements GraphQLResolveInfo {
  readonly fieldName: string;
  readonly fieldNodes: readonly FieldNode[];
  readonly returnType: GraphQLOutputType;
  readonly parentType: GraphQLObjectType;
  readonly path: GraphQLResolveInfo['path'];
  readonly schema: GraphQLSchema;
  readonly fragments: Record<string, FragmentDefinitionNode>;
  readonly operation: OperationDefinitionNode;
  readonly variableValues: Variables;

  constructor(
    compiler: Compiler,
    field: GraphQLField<unknown, unknown>,
    parent: GraphQLObjectType,
    key: string,
    nodes: readonly FieldNode[],
  ) {
    this.fieldName = field.name;
    this.fieldNodes = nodes;
    this.returnType = field.type;
    this.parentType = parent;
    this.path = {
      key,
      typename: parent.name,
      get prev() {
        return unknownHere('the place of a field');
      },
    };
    this.schema = compiler.schema;
    this.fragments = compiler.fragments;
    this.operation = compiler.operation;
    this.variableValues = compiler.variables;
  }

  get rootValue(): never {
    return unknownHere('the root value');
  }
}

interface CompiledField {
  /** The quoted name of the field, with the colon. */
  readonly name: string;
  readonly resolve: GraphQLFieldResolver<unknown, unknown>;
  readonly args: Variables;
  readonly info: FieldInfo;
  readonly write: Write;
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function';

/**
 * Gives up on a value. Rejections of its promises are ignored here, since they occur again when graphql-js executes the
 * event.
 */
function giveUp(value: unknown): null {
  if (isPromise(value)) value.then(undefined, () => undefined);
  else if (Array.isArray(value)) value.forEach(giveUp);
  return null;
}

class Compiler {
  readonly schema: GraphQLSchema;
  readonly operation: OperationDefinitionNode;
  readonly fragments: Record<string, FragmentDefinitionNode> = {};
  readonly variables: Variables;

  constructor({ schema, document }: ExecutionArgs, operation: OperationDefinitionNode, variables: Variables) {
    this.schema = schema;
    this.operation = operation;
    this.variables = variables;
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments[definition.name.value] = definition;
    }
  }

  root(): Write {
    const { schema, operation, fragments, variables } = this;
    const type = schema.getRootType(operation.operation);
    if (!type) throw new Error('The schema has no such operation.');
    return this.#object(type, collectFields(schema, fragments, variables, type, operation.selectionSet));
  }

  #field(parent: GraphQLObjectType, key: string, nodes: readonly FieldNode[]): CompiledField {
    const [node] = nodes as [FieldNode];
    const name = node.name.value;
    const field = name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : parent.getFields()[name];
    if (!field) throw new Error(`There is no field ${name}.`);
    return {
      name: `${JSON.stringify(key)}:`,
      resolve: field.resolve ?? defaultFieldResolver,
      args: Object.freeze(getArgumentValues(field, node, this.variables)),
      info: new FieldInfo(this, field, parent, key, nodes),
      write: this.#value(field.type, nodes, () => new FieldInfo(this, field, parent, key, nodes)),
    };
  }

  #value(type: GraphQLOutputType, nodes: readonly FieldNode[], info: () => FieldInfo): Write {
    if (isNonNullType(type)) {
      const write = this.#present(type.ofType, nodes, info);
      return (value, context) => {
        if (value === null || value === undefined) return null;
        return write(value, context);
      };
    }
    const write = this.#present(type, nodes, info);
    return (value, context) => (value === null || value === undefined ? NULL : write(value, context));
  }

  /** Writes a value that is not null. */
  #present(type: GraphQLOutputType, nodes: readonly FieldNode[], info: () => FieldInfo): Write {
    if (isLeafType(type)) return leaf(type);
    if (isListType(type)) return list(this.#value(type.ofType, nodes, info));
    if (isObjectType(type)) return this.#runtime(type, nodes, info);
    return this.#abstract(type as GraphQLAbstractType, nodes, info());
  }

  /**
   * The fields of a type are compiled for its first object, since fragments may name many types without objects.
   */
  #runtime(type: GraphQLObjectType, nodes: readonly FieldNode[], info: () => FieldInfo): Write {
    const { schema, fragments, variables } = this;
    const compile = (): Write => this.#object(type, collectSubfields(schema, fragments, variables, type, nodes));
    const own = type.isTypeOf ? info() : null;
    let write: Write | null = null;
    return (value, context) => {
      if (own && type.isTypeOf?.(value, context, own) !== true) return null;
      write ??= compile();
      return write(value, context);
    };
  }

  #abstract(type: GraphQLAbstractType, nodes: readonly FieldNode[], info: FieldInfo): Write {
    const writes = new Map<string, Write>();
    const resolveType = type.resolveType ?? defaultTypeResolver;
    return (value, context) => {
      const name = resolveType(value, context, info, type);
      if (typeof name !== 'string') return giveUp(name);
      let write = writes.get(name);
      if (!write) {
        const runtime = this.schema.getType(name);
        if (!isObjectType(runtime) || !this.schema.isSubType(type, runtime)) return null;
        write = this.#runtime(runtime, nodes, () => info);
        writes.set(name, write);
      }
      return write(value, context);
    };
  }

  #object(type: GraphQLObjectType, fields: Fields): Write {
    const compiled = [...fields].map(([key, nodes]) => this.#field(type, key, nodes));
    return (source, context) => {
      let text = '{';
      for (const { name, resolve, args, info, write } of compiled) {
        const value = resolve(source, args, context, info);
        const written = isPromise(value) || value instanceof Error ? giveUp(value) : write(value, context);
        if (written === null) return null;
        text += text.length === 1 ? name + written : `,${name}${written}`;
      }
      return `${text}}`;
    };
  }
}

const leaf =
  (type: GraphQLLeafType): Write =>
  (value) => {
    const serialized: unknown = type.serialize(value);
    if (serialized === null || serialized === undefined) return null;
    // Undefined for values that JSON cannot represent.
    return (JSON.stringify(serialized) as string | undefined) ?? null;
  };

const list =
  (write: Write): Write =>
  (value, context) => {
    if (typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] !== 'function' || typeof value !== 'object') {
      return null;
    }
    let text = '[';
    for (const item of value as Iterable<unknown>) {
      const written = isPromise(item) || item instanceof Error ? giveUp(item) : write(item, context);
      if (written === null) return giveUp(value);
      text += text.length === 1 ? written : `,${written}`;
    }
    return `${text}]`;
  };

export class Projection {
  readonly #write: Write | null;

  /** `variables` are coerced. */
  constructor(args: ExecutionArgs, operation: OperationDefinitionNode, variables: Variables) {
    this.#write = compiled(new Compiler(args, operation, variables));
  }

  /** The data of the response as JSON; null: graphql-js has to execute it, with another context. */
  write(root: unknown, context: unknown): string | null {
    if (!this.#write) return null;
    try {
      return this.#write(root, context);
    } catch {
      // graphql-js will throw the error again and add it to the response.
      return null;
    }
  }
}

/** Null: an argument or directive is faulty; graphql-js reports it. */
function compiled(compiler: Compiler): Write | null {
  try {
    return compiler.root();
  } catch {
    return null;
  }
}
