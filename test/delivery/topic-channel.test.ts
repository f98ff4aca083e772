/** The channel of a topic: its order, gaps, interruptions, and publications that are no longer kept. */
import { Gate } from '../../src/delivery/back-pressure.ts';
import { ReplayMemory } from '../../src/delivery/replay-memory.ts';
import { TopicChannel } from '../../src/delivery/topics/channel.ts';
import { USUAL_KEEPING } from '../../src/engine/shared/publication.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { Position, PublicationId, PublicationRecord, Topic } from '../../src/model.ts';
import { alice, tenant } from '../support/world.ts';
import { AWAY, listening, logging } from './listening.ts';
import { TappedEngine } from './tapped-engine.ts';

const TOPIC = 'news' as Topic;

describe('the channel of a topic', () => {
  async function open() {
    const tap = new TappedEngine();
    const { log, logged, fields } = logging();
    const gaps: string[] = [];
    const countGap = (outcome: string): void => void gaps.push(outcome);
    const channel = new TopicChannel({ engine: tap.engine, clock: tap.clock, log, countGap }, tenant, TOPIC);
    let count = 0;
    const publish = async (keeping = USUAL_KEEPING): Promise<PublicationRecord> => {
      count += 1;
      const id = `p${count}` as PublicationId;
      const published = await tap.steady.publish(tenant, {
        id,
        topic: TOPIC,
        payload: count,
        senderId: alice,
        keeping,
      });
      if (published.outcome !== 'published') throw new Error(published.outcome);
      return published.publication;
    };
    const add = async () => {
      const { heard, ended, listener } = listening<PublicationRecord>();
      const addListener = await channel.prepare();
      addListener(listener);
      return { heard, ended, listener, numbers: (): unknown[] => heard.map(({ payload }) => payload) };
    };
    return { tap, channel, gaps, logged, fields, publish, add };
  }

  it('passes on later publications, each once and in order, until a listener leaves', async () => {
    const { tap, channel, publish, add } = await open();
    await publish();
    await channel.open();
    const one = await add();
    const second = await publish();
    const two = await add();
    tap.announce('topic', { type: 'publication', publication: second });
    await publish();
    channel.remove(one.listener);
    await publish();
    await tap.settle();
    expect([one.numbers(), two.numbers(), tap.countOf('readTopic')]).toEqual([[2, 3], [3, 4], 0]);
  });

  it('begins a new topic with its first publication, without a read', async () => {
    const { tap, channel, publish, add } = await open();
    await channel.open();
    const one = await add();
    await publish();
    expect([one.numbers(), tap.countOf('readTopic')]).toEqual([[1], 0]);
  });

  it('reads lost publications from the history, also those announced during the read', async () => {
    const { tap, channel, gaps, publish, add } = await open();
    await publish();
    await channel.open();
    const one = await add();
    await tap.unheard(() => publish());
    const release = tap.holdNext('readTopic');
    await publish();
    await tap.settle();
    await publish();
    expect(one.numbers()).toEqual([]);
    await release();
    expect(one.numbers()).toEqual([2, 3, 4]);
    await publish();
    expect([one.numbers(), tap.countOf('readTopic'), gaps]).toEqual([[2, 3, 4, 5], 2, ['closed', 'closed']]);
  });

  it('reads what was lost while it opened', async () => {
    const { tap, channel, publish, add } = await open();
    const release = tap.holdNext('readTopicHead');
    const opening = channel.open();
    await tap.settle();
    await publish();
    await release();
    await opening;
    expect(tap.countOf('readTopic')).toBe(1);
    const one = await add();
    await publish();
    expect(one.numbers()).toEqual([2]);
  });

  it('reads the history after an interruption, until the engine answers; only a fault is logged', async () => {
    const { tap, channel, logged, publish, add } = await open();
    await channel.open();
    const one = await add();
    await tap.unheard(() => publish());
    tap.failNext('readTopic', AWAY);
    tap.failNext('readTopic', new Error('broken'));
    tap.interrupt();
    await tap.pass(TIMES.retryMs - 1);
    expect([tap.countOf('readTopic'), logged]).toEqual([1, []]);
    await tap.pass(1);
    expect([tap.countOf('readTopic'), logged]).toEqual([2, ['error']]);
    await tap.pass(TIMES.retryMs);
    await tap.pass(TIMES.retryMs);
    expect([one.numbers(), tap.countOf('readTopic')]).toEqual([[1], 3]);
  });

  it('retries nothing once it was closed, and passes nothing on', async () => {
    const { tap, channel, publish, add } = await open();
    await channel.open();
    const one = await add();
    const pending = tap.clock.pending;
    tap.failNext('readTopic', AWAY);
    tap.interrupt();
    channel.close();
    await tap.settle();
    await publish();
    expect([tap.clock.pending, tap.listening, one.numbers()]).toEqual([pending, 0, []]);
  });

  it('ends its listeners when lost publications are no longer kept, and goes on for others', async () => {
    const { tap, channel, gaps, logged, fields, publish, add } = await open();
    await publish();
    await channel.open();
    const one = await add();
    await tap.unheard(async () => {
      for (let nth = 0; nth < LIMITS.publicationsPerTopic; nth += 1) await publish();
    });
    await publish();
    await tap.settle();
    const ended = one.ended.map((error) => [error?.reason, error?.of]);
    expect([ended, one.heard, logged, gaps]).toEqual([[['RETENTION', { topic: TOPIC }]], [], ['warn'], ['lost']]);
    expect(fields).toEqual([{ tenant, topic: TOPIC, reason: 'RETENTION' }]);
    channel.remove(one.listener);
    const two = await add();
    await publish();
    expect([two.numbers(), two.ended]).toEqual([[LIMITS.publicationsPerTopic + 3], []]);
  });

  it.each<[string, (head: Position) => Position]>([
    ['EPOCH', ({ place }) => ({ epoch: 'another', place: place + 1 })],
    ['DIVERGED', ({ epoch, place }) => ({ epoch, place: place - 1 })],
    ['RETENTION', ({ epoch, place }) => ({ epoch, place: place + 2 })],
  ])('names the reason of the loss: %s', async (reason, move) => {
    const { tap, channel, publish, add } = await open();
    const { position } = await publish();
    await channel.open();
    const one = await add();
    tap.answerNext('readTopic', { head: move(position), publications: [] });
    tap.interrupt();
    await tap.settle();
    expect(one.ended.map((error) => error?.reason)).toEqual([reason]);
  });

  it('has everything while the first lost publication is still kept', async () => {
    const { tap, channel, publish, add } = await open();
    await publish();
    await channel.open();
    const one = await add();
    await tap.unheard(async () => {
      for (let nth = 1; nth < LIMITS.publicationsPerTopic; nth += 1) await publish();
    });
    await publish();
    await tap.settle();
    expect([one.heard.length, one.numbers()[0], one.ended]).toEqual([LIMITS.publicationsPerTopic, 2, []]);
  });

  it('passes on nothing to a listener from before it came', async () => {
    const { tap, channel, publish, add } = await open();
    await publish();
    await channel.open();
    const early = await add();
    await tap.unheard(() => publish());
    // This one begins behind what the channel has not passed on yet.
    const late = await add();
    await publish();
    await tap.settle();
    await publish();
    expect([early.numbers(), late.numbers()]).toEqual([
      [2, 3, 4],
      [3, 4],
    ]);
  });

  it('tells a listener that left nothing of a page that was being read for it', async () => {
    const { tap, channel, publish } = await open();
    const { position } = await publish();
    await publish();
    await channel.open();
    const { heard, ended, listener } = listening<PublicationRecord>();
    const addListener = await channel.prepare({ after: position, memory: new ReplayMemory(), count: () => undefined });
    const release = tap.holdNext('readTopic');
    addListener(listener);
    await tap.settle();
    channel.remove(listener);
    await release();
    expect([heard, ended]).toEqual([[], []]);
  });

  it('tells a listener that left nothing when the engine fails for it', async () => {
    const { tap, channel, publish } = await open();
    const { position } = await publish();
    await channel.open();
    const { ended, listener } = listening<PublicationRecord>();
    const addListener = await channel.prepare({ after: position, memory: new ReplayMemory(), count: () => undefined });
    tap.failNext('readTopic', new Error('broken'));
    addListener(listener);
    channel.remove(listener);
    await tap.settle();
    expect(ended).toEqual([]);
  });

  it('reads nothing more for a listener that left while it had no room', async () => {
    const { tap, channel, publish } = await open();
    const { position } = await publish();
    await publish();
    await channel.open();
    const gate = new Gate();
    const { heard, listener } = listening<PublicationRecord>();
    const full = { ...listener, isCongested: () => true, onRoom: (resume: () => void) => gate.add(resume) };
    const addListener = await channel.prepare({ after: position, memory: new ReplayMemory(), count: () => undefined });
    addListener(full);
    await tap.settle();
    const read = tap.countOf('readTopic');
    channel.remove(full);
    gate.open();
    await tap.settle();
    expect([heard, tap.countOf('readTopic')]).toEqual([[], read]);
  });

  it('leaves no timer behind for one whose next page it waits for, when it is closed or the listener leaves', async () => {
    for (const isClosed of [true, false]) {
      const { tap, channel, publish } = await open();
      const { position } = await publish();
      await channel.open();
      const { listener } = listening<PublicationRecord>();
      const addListener = await channel.prepare({
        after: position,
        memory: new ReplayMemory(),
        count: () => undefined,
      });
      const pending = tap.clock.pending;
      tap.failNext('readTopic', AWAY);
      addListener(listener);
      await tap.settle();
      expect(tap.clock.pending).toBe(pending + 1);
      if (isClosed) channel.close();
      else channel.remove(listener);
      expect(tap.clock.pending).toBe(pending);
    }
  });

  it('loses nothing when the last publication that it passed on is no longer kept', async () => {
    const { tap, channel, logged, publish, add } = await open();
    await channel.open();
    const one = await add();
    await publish({ most: 5, forMs: TIMES.shortestKeepMs });
    await tap.pass(2 * TIMES.shortestKeepMs);
    tap.interrupt();
    await tap.settle();
    expect([one.numbers(), one.ended, logged]).toEqual([[1], [], []]);
  });

  it('has all that follows the last that it passed on, also when the topic began anew twice since', async () => {
    const { tap, channel, publish, add } = await open();
    const last = await publish();
    await channel.open();
    const one = await add();
    const again = (epoch: string, payload: number) => ({ ...last, payload, position: { epoch, place: 1 } });
    const since = [again('second', 2), again('third', 3)];
    tap.answerNext('readTopic', { head: { epoch: 'third', place: 1 }, publications: [last, ...since] });
    tap.interrupt();
    await tap.settle();
    expect(one.numbers()).toEqual([2, 3]);
  });

  it('ends a listener that resumes when its topic begins anew meanwhile', async () => {
    const { tap, channel, publish } = await open();
    const { position } = await publish();
    await publish();
    await channel.open();
    const { heard, ended, listener } = listening<PublicationRecord>();
    const addListener = await channel.prepare({ after: position, memory: new ReplayMemory(), count: () => undefined });
    const release = tap.holdNext('readTopic');
    addListener(listener);
    await tap.settle();
    // All of the topic is forgotten, also its place.
    tap.clock.advance(TIMES.publicationMs);
    expect((await publish()).position).toMatchObject({ place: 1 });
    await tap.settle();
    await release();
    expect([heard.map(({ payload }) => payload), ended.map((error) => error?.code)]).toEqual([
      [2],
      ['POSITION_EXPIRED'],
    ]);
  });

  it('logs why the bus could not be left', async () => {
    const { tap, channel, logged, fields } = await open();
    await channel.open();
    tap.closingFault = new Error('broken');
    channel.close();
    await tap.settle();
    expect([logged, fields]).toEqual([['warn'], [{ err: tap.closingFault }]]);
  });

  it('serves a listener that has resumed, and reads nothing more for it', async () => {
    const { tap, channel, publish } = await open();
    const { position } = await publish();
    await publish();
    await channel.open();
    const { heard, listener } = listening<PublicationRecord>();
    (await channel.prepare({ after: position, memory: new ReplayMemory(), count: () => undefined }))(listener);
    await tap.settle();
    const read = tap.countOf('readTopic');
    await publish();
    await tap.settle();
    expect([heard.map(({ payload }) => payload), tap.countOf('readTopic')]).toEqual([[2, 3], read]);
  });
});
