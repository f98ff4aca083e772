/** Counts the messages and publications that this node accepted. */
import type { Viewer } from '../model.ts';
import type { BatchResult } from './batch.ts';
import type { Domain } from './domain.ts';

type Accepted = 'messages' | 'publications';

interface Counters extends Record<Accepted, { inc(count: number): void }> {
  readonly tenants: { count(tenant: string, accepted: Accepted, count: number): void };
}

export function countAccepted(domain: Domain, counters: Counters): Domain {
  const { messages, topics, writings } = domain;
  const count = ({ tenant }: Viewer, accepted: Accepted, number: number): void => {
    counters[accepted].inc(number);
    counters.tenants.count(tenant, accepted, number);
  };
  const counted = async <Result>(work: Promise<Result>, viewer: Viewer, accepted: Accepted): Promise<Result> => {
    const result = await work;
    count(viewer, accepted, 1);
    return result;
  };
  const countedAll = async <Result extends BatchResult<unknown>>(
    work: Promise<Result[]>,
    viewer: Viewer,
    accepted: Accepted,
  ): Promise<Result[]> => {
    const results = await work;
    count(viewer, accepted, results.filter(({ error }) => error === null).length);
    return results;
  };
  return {
    ...domain,
    messages: {
      ...messages,
      send: (viewer, input) => counted(messages.send(viewer, input), viewer, 'messages'),
      sendMany: (viewer, inputs, meter) => countedAll(messages.sendMany(viewer, inputs, meter), viewer, 'messages'),
      sendDirect: (viewer, userId, input) => counted(messages.sendDirect(viewer, userId, input), viewer, 'messages'),
    },
    writings: {
      ...writings,
      start: (viewer, input) => counted(writings.start(viewer, input), viewer, 'messages'),
    },
    topics: {
      ...topics,
      publish: (viewer, input) => counted(topics.publish(viewer, input), viewer, 'publications'),
      publishMany: (viewer, inputs, meter) =>
        countedAll(topics.publishMany(viewer, inputs, meter), viewer, 'publications'),
    },
  };
}
