/** Two tenants with the same users, conversations and topics, at random: neither sees a byte of the other's. */
import fc from '../support/fast-check.ts';
import { LONG_SETTINGS, type Nodes, startNodes } from '../support/nodes.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, newId } from '../support/service.ts';

const USERS = ['ann', 'ben', 'cid'] as const;
const ROOMS = ['one', 'two'] as const;

interface Act {
  readonly mine: boolean;
  readonly user: (typeof USERS)[number];
  readonly other: (typeof USERS)[number];
  readonly room: (typeof ROOMS)[number];
  readonly kind: 'create' | 'join' | 'leave' | 'send' | 'direct' | 'publish' | 'presence' | 'session' | 'read' | 'rule';
}

const act: fc.Arbitrary<Act> = fc.record({
  mine: fc.boolean(),
  user: fc.constantFrom(...USERS),
  other: fc.constantFrom(...USERS),
  room: fc.constantFrom(...ROOMS),
  kind: fc.constantFrom('create', 'join', 'leave', 'send', 'direct', 'publish', 'presence', 'session', 'read', 'rule'),
});

const SEEN = `{ viewer { status sessions { nodes { deviceId } } conversations { id name kind memberCount lastSequence
  messages(first: 100) { edges { node { content senderId } } } members { edges { node { user { id status } } } } } }
  one: conversation(id: "one") { name } two: conversation(id: "two") { name }
  topicHistory(topic: "news") { payload senderId } presence(userIds: ["ann", "ben", "cid"]) { statusText status } }`;

describe.each(LONG_SETTINGS)('G09: tenants, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  function mutation({ kind, other, room }: Act, mark: string): string {
    switch (kind) {
      case 'create':
        return `createConversation(input: {id: "${room}", name: "${mark}", kind: ROOM}) { id }`;
      case 'join':
        return `joinConversation(id: "${room}") { id }`;
      case 'leave':
        return `leaveConversation(id: "${room}") { id }`;
      case 'send':
        return `sendMessage(input: {conversationId: "${room}", content: "${mark}"}) { sequence }`;
      case 'direct':
        return `sendDirectMessage(userId: "${other}", content: "${mark}") { sequence }`;
      case 'publish':
        return `publish(topic: "news", payload: "${mark}") { topic }`;
      case 'presence':
        return `setPresence(status: BUSY, statusText: "${mark}") { statusText }`;
      case 'session':
        return `createSession(input: {deviceId: "${mark}"}) { session { deviceId } }`;
      case 'read':
        return `markRead(conversationId: "${room}", sequence: 1) { lastSequence }`;
      case 'rule':
        return `saveRoutingRule(input: {id: "${room}", name: "${mark}", match: {on: [ROOM], sender: "none"}, action: {drop: true}}) { id }`;
    }
  }

  /** Runs acts of one or both tenants; answers what the first was told, saw in the end and heard. */
  async function run(acts: readonly Act[], isAlone: boolean): Promise<{ story: string; heard: string }> {
    const mine = `mine-${newId()}`;
    const theirs = `theirs-${newId()}`;
    const listener = await connectRaw(nodes.there, 'ann', { tenant: mine });
    await listener.ask('Subscribe', { topics: ['news'] });
    await listener.ask('Presence', { watch: [...USERS] });
    const told: Data[] = [];
    for (const each of acts) {
      if (isAlone && !each.mine) continue;
      const tenant = each.mine ? mine : theirs;
      const text = `mutation { ${mutation(each, each.mine ? 'secret-of-mine' : 'secret-of-theirs')} }`;
      const { data, code } = await nodes.here.query(each.user, text, {}, { tenant, scope: 'realtime:admin' });
      if (each.mine) told.push([data, code]);
    }
    const seen = await nodes.there.query('ann', SEEN, {}, { tenant: mine });
    await listener.ask('Ping');
    await listener.close();
    return { story: JSON.stringify([told, seen.data, seen.errors]), heard: JSON.stringify(listener.frames) };
  }

  it('one tenant’s actions leave the other’s answers and events unchanged', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 30 }), async (acts) => {
        const together = await run(acts, false);
        const alone = await run(acts, true);
        expect(together.story).toBe(alone.story);
        expect(together.heard).not.toContain('theirs');
      }),
      { numRuns: 15, seed: 7 },
    );
  });
});
