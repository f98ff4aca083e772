/** Matches topics against patterns (see `domain/topic-pattern.ts`), in this process and in Redis scripts. */

const parts = (text: string): string[] => text.split(/([./])/);

export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = parts(pattern);
  const given = parts(topic);
  for (let index = 0; index < wanted.length; index += 1) {
    // Elsewhere a `#` makes the pattern invalid, and it matches nothing, since a claim may contain any text.
    if (wanted[index] === '#') return index === wanted.length - 1;
    // `orders.#` matches `orders`, too.
    if (index === given.length) return wanted.length === index + 2 && wanted[index + 1] === '#';
    if (wanted[index] !== '*' && wanted[index] !== given[index]) return false;
  }
  return wanted.length === given.length;
}

/** Whether a pattern matches every topic that another pattern matches. */
export function coversPattern(pattern: string, other: string): boolean {
  const rest = parts(other).indexOf('#');
  // A `#` matches any number of segments, so only a `#` at the same place or before covers it.
  const isWide =
    rest === -1 ||
    parts(pattern)
      .slice(0, rest + 1)
      .includes('#');
  return isWide && matchesTopic(pattern, other);
}

/** A pattern of topics as Lua patterns. */
export function luaPatternsOf(pattern: string): string[] {
  const text = pattern
    .split(/([./])/)
    .map((part) => (part === '*' ? '[^./]+' : part === '#' ? '.*' : part.replace(/[^A-Za-z0-9]/g, '%$&')))
    .join('');
  const behind = /^(.+)%[./]\.\*$/.exec(text);
  return behind ? [`^${text}$`, `^${behind[1]}$`] : [`^${text}$`];
}
