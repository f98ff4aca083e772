/** A change of a Lua script. `from` occurs once in its file, and overlaps no other. */
export interface LuaMutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export const of = (file: string, ...changes: readonly (readonly [from: string, to: string])[]): LuaMutation[] =>
  changes.map(([from, to]) => ({ file, from, to }));
