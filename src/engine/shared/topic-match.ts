/** Which topics a pattern names (`domain/topic-pattern.ts` says what a pattern is): in this process, and in a script of Redis. */

const parts = (text: string): string[] => text.split(/([./])/);

export function matchesTopic(pattern: string, topic: string): boolean {
  const wanted = parts(pattern);
  const given = parts(topic);
  for (let index = 0; index < wanted.length; index += 1) {
    // Anywhere else it is no pattern, and names nothing: a claim may hold any text.
    if (wanted[index] === '#') return index === wanted.length - 1;
    // `orders.#` names `orders` too.
    if (index === given.length) return wanted.length === index + 2 && wanted[index + 1] === '#';
    if (wanted[index] !== '*' && wanted[index] !== given[index]) return false;
  }
  return wanted.length === given.length;
}

/** Whether a pattern names every topic that another pattern names. */
export function coversPattern(pattern: string, other: string): boolean {
  const rest = parts(other).indexOf('#');
  // A `#` stands for any number of segments, and only a `#` in the same place or before it covers that.
  const isWide =
    rest === -1 ||
    parts(pattern)
      .slice(0, rest + 1)
      .includes('#');
  return isWide && matchesTopic(pattern, other);
}

/** Topics that a pattern names, as patterns of Lua. */
export function luaPatternsOf(pattern: string): string[] {
  const text = pattern
    .split(/([./])/)
    .map((part) => (part === '*' ? '[^./]+' : part === '#' ? '.*' : part.replace(/[^A-Za-z0-9]/g, '%$&')))
    .join('');
  const behind = /^(.+)%[./]\.\*$/.exec(text);
  return behind ? [`^${text}$`, `^${behind[1]}$`] : [`^${text}$`];
}
