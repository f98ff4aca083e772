/**
 * Many calls of an engine, some at a time. A thousand at once wait for each other in one process, and on a busy machine
 * for longer than one of them may take.
 */
const AT_ONCE = 50;

export async function inGroups<Value>(count: number, call: (index: number) => Promise<Value>): Promise<Value[]> {
  const results: Value[] = [];
  while (results.length < count) {
    const first = results.length;
    const size = Math.min(AT_ONCE, count - first);
    results.push(...(await Promise.all(Array.from({ length: size }, (_, n) => call(first + n)))));
  }
  return results;
}
