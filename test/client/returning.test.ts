/** A page that comes back after three days, in which most of its user's conversations changed. */
import { memoryStorage, type Realtime } from '../../client/src/index.ts';
import { createConversation, send, user } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { clientsOf, live, shows } from './clients.ts';

const CONVERSATIONS = 300;
const DAYS_MS = 3 * 24 * 3_600_000;
const INBOX = `query ($after: String) { viewer { unreadMessageCount inbox(first: 50, after: $after) {
  edges { node { unreadMessageCount conversation { id lastMessage { content } } } }
  pageInfo { hasNextPage endCursor }
} } }`;

describe('a page that was closed for three days', () => {
  let service: TestService;
  let proxy: TcpProxy;
  const clients = clientsOf(() => service);
  beforeAll(async () => {
    service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false' } });
    proxy = await startTcpProxy(service.service.port);
  });
  afterAll(async () => {
    clients.close();
    await proxy.close();
    await service.close();
  });

  async function stored(): Promise<{ unread: number; rows: unknown[] }> {
    const rows: unknown[] = [];
    for (let after: string | null = null; ; ) {
      const { data }: { data: Data } = await service.query('alice', INBOX, { after });
      const { edges, pageInfo } = data.viewer.inbox;
      rows.push(
        ...edges.map(({ node }: Data) => [
          node.conversation.id,
          node.unreadMessageCount,
          node.conversation.lastMessage?.content,
        ]),
      );
      if (!pageInfo.hasNextPage) return { unread: data.viewer.unreadMessageCount, rows };
      after = pageInfo.endCursor;
    }
  }
  const shown = ({ inbox }: Realtime) => ({
    unread: inbox.unread,
    rows: inbox.entries.map(({ conversation, unread, lastMessage }) => [conversation.id, unread, lastMessage?.content]),
  });
  async function loadAll({ inbox }: Realtime): Promise<void> {
    while (inbox.value.hasMore) await inbox.loadMore();
  }

  it('shows its list before there is a connection, then all that changed, and the history of what is opened', async () => {
    const bob = user(service, 'bob');
    const ids: string[] = [];
    for (let n = 0; n < CONVERSATIONS; n += 1) {
      const { id } = await createConversation(bob, { id: newId(), name: `${n}`, memberIds: ['alice'] });
      await send(bob, id, `first of ${n}`);
      ids.push(id);
    }
    const storage = memoryStorage();
    const before = await live(clients.of('alice', { storage }));
    await loadAll(before);
    expect(shown(before)).toEqual(await stored());
    const opened = ids.at(-1) ?? '';
    await shows(before, opened, [`first of ${CONVERSATIONS - 1}`]);
    // What is kept is kept at a checkpoint.
    before.close();

    service.clock.advance(DAYS_MS);
    for (const [n, id] of ids.entries()) for (let m = 0; m <= n % 3; m += 1) await send(bob, id, `${m} of ${n}, later`);
    await service.query('bob', `mutation { removeMember(id: "${ids[3]}", userId: "alice") { id } }`);
    await service.query('bob', `mutation { deleteConversation(id: "${ids[4]}") }`);
    const begun = await createConversation(bob, { name: 'meanwhile', memberIds: ['alice'] });
    await send(bob, begun.id, 'new');

    proxy.redirect(1);
    const after = clients.of('alice', { storage, url: `http://127.0.0.1:${proxy.port}/graphql` });
    const room = after.conversation(opened);
    room.messages.subscribe(() => undefined);
    await eventually(() => expect(after.inbox.entries.length).toBeGreaterThanOrEqual(50));
    expect(after.inbox.entries[0]?.lastMessage?.content).toBe(`first of ${CONVERSATIONS - 1}`);
    expect([after.status.value === 'live', room.messages.value.messages]).toEqual([false, []]);
    proxy.redirect(service.service.port);
    await live(after);
    await loadAll(after);
    await eventually(async () => expect(shown(after)).toEqual(await stored()));
    const later = Array.from(
      { length: ((CONVERSATIONS - 1) % 3) + 1 },
      (_, m) => `${m} of ${CONVERSATIONS - 1}, later`,
    );
    await shows(after, opened, [`first of ${CONVERSATIONS - 1}`, ...later]);
    expect(after.conversation(ids[3] ?? '').entry.value).toBeNull();
  });
});
