/** Finds the name that a misspelt name probably means. */

/** Insertions, deletions and replacements between two texts (Levenshtein, 1966). */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (let at = 1; at <= other.length; at += 1) {
      const replaced = (row[at - 1] ?? 0) + (letter === other[at - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** In a short name two different letters are another word: `PATH` is not a misspelt `PORT`. */
const LETTERS_PER_SLIP = 5;
const MOST_SLIPS = 2;

/** The known name that `name` misspells; null for none. */
export function lookAlike(name: string, known: readonly string[]): string | null {
  const slips = Math.min(Math.floor(name.length / LETTERS_PER_SLIP), MOST_SLIPS);
  const near = known.filter((each) => Math.abs(each.length - name.length) <= slips);
  return near.find((each) => distance(name, each) <= slips) ?? null;
}
