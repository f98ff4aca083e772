/** Counts what this node accepted. */
import type { Domain } from './domain.ts';

interface Counter {
  inc(): void;
}

export function countAccepted(domain: Domain, counters: { messages: Counter; publications: Counter }): Domain {
  const { messages, topics } = domain;
  const counted = async <Result>(work: Promise<Result>, counter: Counter): Promise<Result> => {
    const result = await work;
    counter.inc();
    return result;
  };
  return {
    ...domain,
    messages: {
      ...messages,
      send: (viewer, input) => counted(messages.send(viewer, input), counters.messages),
      sendDirect: (viewer, userId, input) => counted(messages.sendDirect(viewer, userId, input), counters.messages),
    },
    topics: {
      ...topics,
      publish: (viewer, topic, payload) => counted(topics.publish(viewer, topic, payload), counters.publications),
    },
  };
}
