/** Checks a history against the guarantees, without knowledge of how it came about. */
import type { Heard, History, Seen } from './history.ts';

/** Every breach, in words; none when all promises were kept. */
export function judge({ acknowledged, refusals, heard }: History): string[] {
  const log = Map.groupBy(acknowledged, ({ conversationId }) => conversationId);
  return [
    ...refusals.map((code) => `a writer was told ${code}`),
    ...[...log.values()].flatMap(judgeLog),
    ...judgePositions([...acknowledged, ...heard.flatMap(({ events }) => events)]),
    ...heard.flatMap((each) => judgeHeard(each, log.get(each.conversationId) ?? [])),
  ];
}

/** G01, G02, G03: each message once, numbered without a gap. */
function judgeLog(acknowledged: readonly Seen[]): string[] {
  const keys = new Set(acknowledged.map(({ clientMessageId }) => clientMessageId));
  const sorted = [...acknowledged].sort((a, b) => a.sequence - b.sequence);
  return [
    ...(keys.size === acknowledged.length ? [] : ['one clientMessageId was acknowledged twice']),
    ...sorted.flatMap(({ sequence }, index) =>
      sequence === index + 1 ? [] : [`${sequence} acknowledged as ${index + 1}`],
    ),
  ];
}

/** G04: a position names one event. */
function judgePositions(seen: readonly Seen[]): string[] {
  const names = new Map<string, string>();
  return seen.flatMap(({ position, id }) => {
    const known = names.get(position) ?? id;
    names.set(position, known);
    return known === id ? [] : [`position ${position} names ${known} and ${id}`];
  });
}

/** G05: everything acknowledged, in order, once, and nothing else. */
function judgeHeard({ events, errors }: Heard, acknowledged: readonly Seen[]): string[] {
  const ids = new Map(acknowledged.map(({ sequence, id }) => [sequence, id]));
  const faults = errors.map((code) => `a stream ended with ${code}`);
  let last = 0;
  for (const { sequence, id } of events) {
    if (sequence <= last) faults.push(`${sequence} came after ${last}`);
    else if (sequence > last + 1) faults.push(`nothing between ${last} and ${sequence}`);
    if (ids.get(sequence) !== id) faults.push(`${sequence} is not what was acknowledged`);
    last = Math.max(last, sequence);
  }
  if (last < acknowledged.length) faults.push(`nothing after ${last} of ${acknowledged.length}`);
  return faults;
}
