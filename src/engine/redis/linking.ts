/**
 * Links scripts with the shared functions that they use, and no others.
 *
 * Redis creates every function of a script at each run, so unused functions would cost more than the script's own
 * commands.
 */
export interface Definition {
  readonly name: string;
  readonly lua: string;
  /** The earlier definitions that it may use. */
  readonly names: ReadonlySet<string>;
}

const withoutComments = (lua: string): string => lua.replace(/^[ \t]*--.*\n/gm, '');
const callsIn = (lua: string): Set<string> => new Set(lua.match(/\b[A-Za-z_]\w*(?=\()/g));
const namesIn = (lua: string): Set<string> => new Set(lua.match(/[A-Za-z_]\w*/g));

/**
 * The definitions in files of shared functions, in order. Each begins with `local` at the start of a line and has a
 * unique name.
 */
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
  // Redis would refuse each call of such a script, and callers would try it again.
  const later = new Set<string>();
  for (const { name, lua } of all.toReversed()) {
    const called = [...callsIn(lua)].find((each) => later.has(each));
    if (called) throw new Error(`${name} calls ${called}, which is defined after it.`);
    later.add(name);
  }
  return all;
}

/**
 * A script preceded by the definitions it needs. Lua sees only earlier definitions, so one pass from the last to the
 * first finds all.
 */
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
