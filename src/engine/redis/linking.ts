/**
 * Scripts with those shared functions that they use, and no others.
 *
 * Redis makes every function of a script anew each time it runs: what a script carries and does
 * not use costs it more than the commands it is there for.
 */
export interface Definition {
  readonly name: string;
  readonly lua: string;
  /** The earlier definitions that it may use. */
  readonly names: ReadonlySet<string>;
}

const withoutComments = (lua: string): string => lua.replace(/^[ \t]*--.*\n/gm, '');
const namesIn = (lua: string): Set<string> => new Set(lua.match(/[A-Za-z_]\w*/g));

/** The definitions of files with shared functions, in order: each begins with `local` at the start of a line, under a unique name. */
export function definitionsOf(...libraries: readonly string[]): Definition[] {
  const all = libraries.flatMap((library) =>
    withoutComments(library)
      .split(/^(?=local )/m)
      .flatMap((lua) => {
        const name = /^local (?:function )?(\w+)/.exec(lua)?.[1];
        return name === undefined ? [] : [{ name, lua, names: namesIn(lua) }];
      }),
  );
  const twice = all.find(({ name }, index) => all.findIndex((each) => each.name === name) < index);
  if (twice) throw new Error(`${twice.name} is defined twice.`);
  return all;
}

/** A script behind the definitions it needs. Lua knows only what is defined before, so that one pass from the last finds all. */
export function linked(script: string, definitions: readonly Definition[]): string {
  const names = namesIn(withoutComments(script));
  const needed: string[] = [];
  for (const definition of definitions.toReversed()) {
    if (!names.has(definition.name)) continue;
    needed.push(definition.lua);
    for (const name of definition.names) names.add(name);
  }
  return [...needed.toReversed(), script].join('\n');
}
