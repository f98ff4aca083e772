/** What Redis answers as one flat list: name, value, name, value, … */
export const pairsOf = (flat: readonly string[]): [name: string, value: string][] =>
  Array.from({ length: flat.length / 2 }, (_, nth) => [flat[2 * nth] ?? '', flat[2 * nth + 1] ?? '']);
