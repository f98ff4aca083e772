/**
 * A set that usually has one member or none, and then needs no `Set`.
 *
 * Every socket has several such sets, and an empty `Set` takes 150 bytes.
 */
export type Few<Member extends object> = Member | Set<Member> | null;

export function withMember<Member extends object>(few: Few<Member>, member: Member): Few<Member> {
  if (few === null) return member;
  if (few instanceof Set) return few.add(member);
  return few === member ? few : new Set([few, member]);
}

export function withoutMember<Member extends object>(few: Few<Member>, member: Member): Few<Member> {
  if (few === member) return null;
  if (few instanceof Set) {
    few.delete(member);
    return few.size > 0 ? few : null;
  }
  return few;
}

/** A copy, in the order of adding, so that the set may change while the copy is iterated. */
export function membersOf<Member extends object>(few: Few<Member>): readonly Member[] {
  if (few === null) return [];
  return few instanceof Set ? [...few] : [few];
}

/** A map that mostly has one entry. */
export class FewByKey<Key, Value> {
  #key: Key | undefined = undefined;
  /** The key of the only entry; undefined when there is none or there are several. */
  #value: Value | undefined = undefined;
  #all: Map<Key, Value> | null = null;

  get size(): number {
    return this.#all?.size ?? (this.#value === undefined ? 0 : 1);
  }

  get(key: Key): Value | undefined {
    if (this.#all) return this.#all.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  set(key: Key, value: Value): void {
    if (this.#all) return void this.#all.set(key, value);
    if (this.#value !== undefined && this.#key !== key) {
      this.#all = new Map([
        [this.#key as Key, this.#value],
        [key, value],
      ]);
      this.#key = undefined;
      this.#value = undefined;
      return;
    }
    this.#key = key;
    this.#value = value;
  }

  delete(key: Key): boolean {
    if (this.#all) return this.#all.delete(key);
    if (this.#value === undefined || this.#key !== key) return false;
    this.#key = undefined;
    this.#value = undefined;
    return true;
  }

  keys(): readonly Key[] {
    if (this.#all) return [...this.#all.keys()];
    return this.#value === undefined ? [] : [this.#key as Key];
  }

  values(): readonly Value[] {
    if (this.#all) return [...this.#all.values()];
    return this.#value === undefined ? [] : [this.#value];
  }
}
