/** A node that stops hands its clients over: other users do not see them leave. */
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { type Nodes, startNodes } from '../support/nodes.ts';

const GRACE_MS = 5_000;

describe('presence of a drained node', () => {
  let nodes: Nodes;
  beforeEach(async () => {
    nodes = await startNodes('two nodes on one Redis', { PRESENCE_GRACE: `${GRACE_MS}ms` });
  });
  afterEach(() => nodes.close());

  it('G15: users who reconnect elsewhere within the grace never go offline; others do', async () => {
    const bob = await nodes.there.connect('bob');
    const watch = await bob.subscribe(
      'subscription { presenceUpdated(userIds: ["alice", "carol"]) { userId status devices { deviceId } } }',
    );
    const alice = await nodes.here.connect('alice');
    await nodes.here.connect('carol');
    const last = (userId: string) =>
      watch.events.map((event) => event.presenceUpdated).findLast((presence) => presence.userId === userId);
    await eventually(() => expect([last('alice')?.status, last('carol')?.status]).toEqual(['ONLINE', 'ONLINE']));
    const before = watch.events.length;
    await nodes.here.close();
    await eventually(() => expect(alice.closes.map(({ code }) => code)).toEqual([1012]));
    const again = await nodes.there.connect('alice');
    // The lease of the node that went ends with the grace, and another's sweep takes what it had.
    nodes.clock.advance(GRACE_MS + TIMES.nodeRenewMs);
    await eventually(() => expect(last('carol')?.status).toBe('OFFLINE'));
    await eventually(() => expect(last('alice')?.devices).toHaveLength(1));
    const since = watch.events.slice(before).map((event) => event.presenceUpdated);
    expect(since.filter(({ userId }) => userId === 'alice').map(({ status }) => status)).not.toContain('OFFLINE');
    await again.close();
    await bob.close();
  });
});
