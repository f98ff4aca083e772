/** The SDL without some fields, for a graph in which another subgraph defines these fields. */
import { type FieldDefinitionNode, parse, print, visit } from 'graphql';

interface WithFields {
  readonly name: { readonly value: string };
  readonly fields?: readonly FieldDefinitionNode[];
}

/** Takes `Type.field` names. @throws for an unknown one. */
export function leaveOut(sdl: string, names: readonly string[]): string {
  const left = new Set(names);
  const leave = (type: WithFields): WithFields | null => {
    const fields = type.fields?.filter(({ name }) => !left.delete(`${type.name.value}.${name.value}`));
    return fields?.length === type.fields?.length ? type : fields?.length ? { ...type, fields } : null;
  };
  const without = visit(parse(sdl), { ObjectTypeDefinition: leave, ObjectTypeExtension: leave });
  if (left.size > 0) throw new Error(`The schema has no ${[...left].join(', ')}.`);
  return print(without);
}
