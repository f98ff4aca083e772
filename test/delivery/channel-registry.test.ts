/** All listeners of a subject share one channel, from its first listener to its last. */
import { ChannelRegistry } from '../../src/delivery/channel-registry.ts';

/** Channels whose opening a test answers. */
class Channel {
  readonly opening = Promise.withResolvers<boolean>();
  closed = 0;
  open(): Promise<boolean> {
    return this.opening.promise;
  }
  close(): void {
    this.closed += 1;
  }
}

describe('the registry of channels', () => {
  let registry: ChannelRegistry<Channel>;
  let created: Channel[];
  const create = (): Channel => {
    const channel = new Channel();
    created.push(channel);
    return channel;
  };
  beforeEach(() => {
    registry = new ChannelRegistry();
    created = [];
  });
  const opened = async (key: string): Promise<Channel> => {
    const acquired = registry.acquire(key, create);
    created.at(-1)?.opening.resolve(true);
    const channel = await acquired;
    if (!channel) throw new Error('not opened');
    return channel;
  };

  it('shares a channel, also while it opens, and closes it after the last release', async () => {
    const both = [registry.acquire('one', create), registry.acquire('one', create)];
    created[0]?.opening.resolve(true);
    const [first, second] = await Promise.all(both);
    expect([created.length, first === second, registry.find('one') === first]).toEqual([1, true, true]);
    const other = await opened('other');
    expect(registry.all()).toEqual([first, other]);
    registry.release('one', created[0] as Channel);
    expect([created[0]?.closed, registry.find('one')]).toEqual([0, first]);
    registry.release('one', created[0] as Channel);
    expect([created[0]?.closed, registry.find('one'), registry.all()]).toEqual([1, undefined, [other]]);
    expect(await opened('one')).toBe(created[2]);
  });

  it.each<[string, (channel: Channel) => void, unknown]>([
    ['does not exist', ({ opening }) => opening.resolve(false), null],
    ['cannot be opened', ({ opening }) => opening.reject(new Error('away')), 'away'],
  ])('keeps no channel of a subject that %s, and opens another for the next', async (_, answer, outcome) => {
    const both = [registry.acquire('one', create), registry.acquire('one', create)];
    const outcomes = Promise.all(both.map((each) => each.catch((error: Error) => error.message)));
    answer(created[0] as Channel);
    expect(await outcomes).toEqual([outcome, outcome]);
    expect([created[0]?.closed, registry.all()]).toEqual([1, []]);
    expect(await opened('one')).toBe(created[1]);
    expect(created[1]?.closed).toBe(0);
  });

  it('opens another channel after one was discarded; releases of the earlier one do not close it', async () => {
    const first = await opened('one');
    await opened('one');
    for (let times = 0; times < 2; times += 1) registry.discard('one', first);
    expect([first.closed, registry.find('one')]).toEqual([1, undefined]);
    const second = await opened('one');
    expect(second).not.toBe(first);
    registry.discard('one', first);
    registry.release('one', first);
    registry.release('one', first);
    expect([first.closed, second.closed, registry.find('one')]).toEqual([1, 0, second]);
    registry.release('one', second);
    expect(second.closed).toBe(1);
  });

  it('keeps a later channel when an earlier one, discarded while it opened, fails', async () => {
    const first = registry.acquire('one', create);
    registry.discard('one', created[0] as Channel);
    const second = await opened('one');
    created[0]?.opening.resolve(false);
    expect(await first).toBeNull();
    expect([registry.find('one'), second.closed]).toEqual([second, 0]);
  });
});
