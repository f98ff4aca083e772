/** The schema reference, `docs/schema/`: a page for each file of `schema/`, from the descriptions in the SDL. */
import { readdirSync, readFileSync } from 'node:fs';
import {
  type ConstDirectiveNode,
  type DocumentNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  type NamedTypeNode,
  type ObjectTypeExtensionNode,
  parse,
  print,
  type TypeDefinitionNode,
  type TypeNode,
} from 'graphql';

const FOLDER = new URL('../schema/', import.meta.url);
const ROOTS = { Query: 'Queries', Mutation: 'Mutations', Subscription: 'Subscriptions' } as const;
type Root = keyof typeof ROOTS;

const KINDS = {
  [Kind.OBJECT_TYPE_DEFINITION]: 'Type',
  [Kind.INTERFACE_TYPE_DEFINITION]: 'Interface',
  [Kind.UNION_TYPE_DEFINITION]: 'Union',
  [Kind.INPUT_OBJECT_TYPE_DEFINITION]: 'Input',
  [Kind.ENUM_TYPE_DEFINITION]: 'Enum',
  [Kind.SCALAR_TYPE_DEFINITION]: 'Scalar',
} as const;

interface SchemaFile {
  /** The name of the page and of the file, without the extension. */
  readonly name: string;
  readonly operations: Readonly<Record<Root, readonly FieldDefinitionNode[]>>;
  readonly types: readonly TypeDefinitionNode[];
}

interface Described {
  readonly description?: { readonly value: string } | undefined;
  readonly directives?: readonly ConstDirectiveNode[] | undefined;
}

/** The Markdown of every page of `docs/schema/`, by the page's name. */
export function schemaPages(): ReadonlyMap<string, string> {
  const documents = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.graphql'))
    .sort()
    .map((name) => [name.replace('.graphql', ''), parse(readFileSync(new URL(name, FOLDER), 'utf8'))] as const);
  const extensions = extensionsOf(documents.map(([, document]) => document));
  const files = documents.map(([name, document]) => readSchemaFile(name, document, extensions));
  const links = linksOf(files);
  const pages = new Map([['README.md', indexPage(files)]]);
  for (const file of files) pages.set(`${file.name}.md`, page(file, links));
  return pages;
}

type Extensions = ReadonlyMap<string, readonly FieldDefinitionNode[]>;

/** The fields by which files extend each type that is not a root type, by the type's name. */
function extensionsOf(documents: readonly DocumentNode[]): Extensions {
  const extensions = new Map<string, FieldDefinitionNode[]>();
  for (const { name, fields } of documents.flatMap(objectExtensions)) {
    if (!isRoot(name.value)) extensions.set(name.value, [...(extensions.get(name.value) ?? []), ...(fields ?? [])]);
  }
  return extensions;
}

const objectExtensions = ({ definitions }: DocumentNode): readonly ObjectTypeExtensionNode[] =>
  definitions.filter((node) => node.kind === Kind.OBJECT_TYPE_EXTENSION);

function readSchemaFile(name: string, document: DocumentNode, extensions: Extensions): SchemaFile {
  const operations: Record<Root, FieldDefinitionNode[]> = { Query: [], Mutation: [], Subscription: [] };
  for (const { name: root, fields } of objectExtensions(document)) {
    if (isRoot(root.value)) operations[root.value].push(...(fields ?? []));
  }
  const types = document.definitions
    .filter((node): node is TypeDefinitionNode => node.kind in KINDS)
    .filter((type) => !isRoot(type.name.value))
    .map((type) => {
      const fields = extensions.get(type.name.value);
      if (!fields) return type;
      if (type.kind !== Kind.OBJECT_TYPE_DEFINITION) throw new Error(`schema: ${type.name.value} is no object type.`);
      return { ...type, fields: [...(type.fields ?? []), ...fields] };
    });
  return { name, operations, types };
}

const isRoot = (name: string): name is Root => name in ROOTS;
const kindOf = (type: TypeDefinitionNode): string => KINDS[type.kind];
const anchor = (kind: string, name: string): string => `#${kind.toLowerCase()}-${name.toLowerCase()}`;

/** The link to each type, valid on any page, by the type's name. */
function linksOf(files: readonly SchemaFile[]): ReadonlyMap<string, string> {
  const links = files.flatMap(({ name, types }) =>
    types.map((type) => [type.name.value, `${name}.md${anchor(kindOf(type), type.name.value)}`] as const),
  );
  return new Map(links);
}

const titleOf = (name: string): string => {
  const words = name === 'schema' ? 'scalars and pages' : name.replaceAll('-', ' ');
  return `${words[0]?.toUpperCase()}${words.slice(1)}`;
};

function indexPage(files: readonly SchemaFile[]): string {
  const lines = [
    '# Schema reference',
    '',
    'All operations of the API. Each page has the arguments, the types and their descriptions. [Protocol](../protocol.md) has',
    'the rules that hold for all operations: tokens, limits, error codes and resuming.',
    '',
    'These pages are written from the SDL in `schema/` by `npm run generate`. `npm run --silent schema:print` prints the SDL.',
  ];
  for (const [root, heading] of Object.entries(ROOTS)) {
    lines.push('', `## ${heading}`, '', '| operation | description | page |', '| --- | --- | --- |');
    for (const { name, operations } of files) {
      for (const field of operations[root as Root]) {
        const link = `[\`${field.name.value}\`](${name}.md${anchor(root, field.name.value)})`;
        lines.push(`| ${link} | ${firstSentence(field)} | ${titleOf(name)} |`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The first sentence: it ends at a full stop before a capital letter, so not within `user.<id>.…` or `e.g.`. */
const firstSentence = (node: Described): string => describe(node).split(/(?<=\.) (?=[A-Z`])/)[0] ?? '';

function page(file: SchemaFile, links: ReadonlyMap<string, string>): string {
  const parts = [`# ${titleOf(file.name)}`, `From \`schema/${file.name}.graphql\`. [All operations](README.md).`];
  for (const [root, heading] of Object.entries(ROOTS)) {
    const fields = file.operations[root as Root];
    if (fields.length > 0) parts.push(`## ${heading}`, ...fields.flatMap((field) => operation(root, field, links)));
  }
  if (file.types.length > 0) parts.push('## Types', ...file.types.flatMap((type) => typeParts(type, links)));
  return `${parts.join('\n\n')}\n`;
}

function operation(root: string, field: FieldDefinitionNode, links: ReadonlyMap<string, string>): string[] {
  const parts = [`### ${root} ${field.name.value}`, describe(field)];
  if (field.arguments?.length) parts.push(inputTable('argument', field.arguments, links));
  parts.push(`Result: ${typeLink(field.type, links)}.`);
  return parts;
}

function typeParts(type: TypeDefinitionNode, links: ReadonlyMap<string, string>): string[] {
  const parts = [`### ${kindOf(type)} ${type.name.value}`, describe(type)];
  const key = type.directives?.find(({ name }) => name.value === 'key')?.arguments?.[0]?.value;
  if (key) parts.push(`An entity of the federated graph with the key ${code(print(key).replaceAll('"', ''))}.`);
  switch (type.kind) {
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      if (type.interfaces?.length) parts.push(`Implements ${namedTypes(type.interfaces, links)}.`);
      parts.push(fieldTable(type.fields ?? [], links));
      break;
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      parts.push(inputTable('field', type.fields ?? [], links));
      break;
    case Kind.ENUM_TYPE_DEFINITION:
      parts.push(
        table(
          ['value', 'description'],
          (type.values ?? []).map((value) => [code(value.name.value), describe(value)]),
        ),
      );
      break;
    case Kind.UNION_TYPE_DEFINITION:
      parts.push(`One of ${namedTypes(type.types ?? [], links)}.`);
  }
  return parts;
}

const namedTypes = (types: readonly NamedTypeNode[], links: ReadonlyMap<string, string>): string =>
  types.map((type) => typeLink(type, links)).join(', ');

function fieldTable(fields: readonly FieldDefinitionNode[], links: ReadonlyMap<string, string>): string {
  const rows = fields.map((field) => {
    const args = (field.arguments ?? []).map(
      (arg) => `${code(`${arg.name.value}: ${print(arg.type)}`)}: ${describe(arg)}${fallbackOf(arg)}`,
    );
    const description = args.length > 0 ? `${describe(field)}<br>Arguments:<br>${args.join('<br>')}` : describe(field);
    return [code(field.name.value), typeLink(field.type, links), description];
  });
  return table(['field', 'type', 'description'], rows);
}

function inputTable(
  head: string,
  inputs: readonly InputValueDefinitionNode[],
  links: ReadonlyMap<string, string>,
): string {
  const rows = inputs.map((input) => {
    return [code(input.name.value), typeLink(input.type, links), `${describe(input)}${fallbackOf(input)}`];
  });
  return table([head, 'type', 'description'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const fallbackOf = ({ defaultValue }: InputValueDefinitionNode): string =>
  defaultValue ? ` Default: ${code(print(defaultValue))}.` : '';

const code = (text: string): string => `\`${text}\``;

function typeLink(type: TypeNode, links: ReadonlyMap<string, string>): string {
  let named = type;
  while (named.kind !== Kind.NAMED_TYPE) named = named.type;
  const link = links.get(named.name.value);
  return link ? `[${code(print(type))}](${link})` : code(print(type));
}

/** The description as one line of a Markdown table, with the reason of a deprecation. */
function describe({ description, directives }: Described): string {
  const text = (description?.value ?? '').replaceAll(/\s*\n\s*/g, ' ').replaceAll('|', '\\|');
  const deprecated = directives?.find(({ name }) => name.value === 'deprecated')?.arguments?.[0]?.value;
  return deprecated?.kind === Kind.STRING ? `${text} Deprecated: ${deprecated.value}`.trim() : text;
}
