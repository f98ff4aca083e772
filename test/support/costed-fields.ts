import { parse } from 'graphql';

const DIRECTIVES = ['cost', 'listSize'];

/** `Type.field` of each field of an SDL that carries a directive of demand control, sorted. */
export function costedFields(...sdl: readonly string[]): string[] {
  const costed = sdl.filter(Boolean).flatMap((text) =>
    parse(text).definitions.flatMap((type) => {
      if (type.kind !== 'ObjectTypeDefinition' && type.kind !== 'ObjectTypeExtension') return [];
      return (type.fields ?? [])
        .filter(({ directives = [] }) => directives.some(({ name }) => DIRECTIVES.includes(name.value)))
        .map(({ name }) => `${type.name.value}.${name.value}`);
    }),
  );
  return costed.sort();
}
