/** Counts the messages and publications that this node accepted. */
import type { BatchResult } from './batch.ts';
import type { Domain } from './domain.ts';

interface Counter {
  inc(count?: number): void;
}

export function countAccepted(domain: Domain, counters: { messages: Counter; publications: Counter }): Domain {
  const { messages, topics, writings } = domain;
  const counted = async <Result>(work: Promise<Result>, counter: Counter): Promise<Result> => {
    const result = await work;
    counter.inc();
    return result;
  };
  const countedAll = async <Result extends BatchResult<unknown>>(
    work: Promise<Result[]>,
    counter: Counter,
  ): Promise<Result[]> => {
    const results = await work;
    counter.inc(results.filter(({ error }) => error === null).length);
    return results;
  };
  return {
    ...domain,
    messages: {
      ...messages,
      send: (viewer, input) => counted(messages.send(viewer, input), counters.messages),
      sendMany: (viewer, inputs, meter) => countedAll(messages.sendMany(viewer, inputs, meter), counters.messages),
      sendDirect: (viewer, userId, input) => counted(messages.sendDirect(viewer, userId, input), counters.messages),
    },
    writings: {
      ...writings,
      start: (viewer, input) => counted(writings.start(viewer, input), counters.messages),
    },
    topics: {
      ...topics,
      publish: (viewer, input) => counted(topics.publish(viewer, input), counters.publications),
      publishMany: (viewer, inputs, meter) =>
        countedAll(topics.publishMany(viewer, inputs, meter), counters.publications),
    },
  };
}
