/** Typing, presence and read positions at any speed, over every way in: none is refused, and no socket is closed. */
import type { MUTATIONS } from '../../src/graphql/metering.ts';
import { eventually } from '../support/eventually.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

const TYPING = 'mutation ($on: Boolean!) { setTyping(conversationId: "c", isTyping: $on) }';
const PRESENCE = 'mutation ($words: String) { setPresence(status: BUSY, statusText: $words) { status statusText } }';
const READ = 'mutation ($n: Int!) { markRead(conversationId: "c", sequence: $n) { id } }';
const SEEN = `{ conversation(id: "c") { unreadMessageCount typingUsers { id } } presence(userIds: ["alice"]) { statusText } }`;
const SECONDS = 20;

type Mutations = typeof MUTATIONS;
type SignalField = { [Field in keyof Mutations]: Mutations[Field] extends 'signal' ? Field : never }[keyof Mutations];

const SET = '{ status statusText devices { deviceId connectionType } }';
const MARKED =
  '{ id lastSequence unreadMessageCount viewerRole readReceipts(first: 1000) { nodes { user { id } sequence } } }';
/** Of each signal: what may be asked, and what may not be. */
const SIGNALS: { readonly [Field in SignalField]: readonly string[] } = {
  setTyping: ['(conversationId: "d", isTyping: true)', '(conversationId: "d", isTyping: false)'].concat(
    ['(conversationId: "nowhere", isTyping: true)', '(conversationId: "nowhere", isTyping: false)'],
    ['(conversationId: "a b", isTyping: true)'],
  ),
  setPresence: [`(status: BUSY, statusText: "x") ${SET}`, `(status: OFFLINE, statusText: "x") ${SET}`].concat([
    `(status: AWAY) ${SET}`,
    `(status: AWAY, statusText: " ") ${SET}`,
  ]),
  markRead: [2, 0, 3, 4, -1]
    .map((n) => `(conversationId: "d", sequence: ${n}) ${MARKED}`)
    .concat(`(conversationId: "nowhere", sequence: 1) ${MARKED}`),
};
const ASKED = Object.entries(SIGNALS).flatMap(([field, all]) => all.map((args) => `${field}${args}`));

describe('signals at any speed', () => {
  const clock = new StillClock();
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'true' }, clock });
    await service.query('alice', 'mutation { createConversation(input: {id: "c", memberIds: ["bob"]}) { id } }');
    for (let n = 0; n < 40; n += 1)
      await service.query('bob', 'mutation { sendMessage(input: {conversationId: "c", content: "x"}) { id } }');
  });
  afterAll(() => service.close());

  const seen = async (user: string): Promise<Data> => {
    const { data } = await service.query(user, SEEN);
    const { unreadMessageCount, typingUsers } = data.conversation;
    return { unread: unreadMessageCount, typing: typingUsers.length, words: data.presence[0].statusText };
  };

  it('setTyping twelve times a second: the socket and its subscriptions stay open', async () => {
    const alice = await service.connect('alice');
    const stream = await alice.subscribe('subscription { messageReceived(conversationIds: ["c"]) { content } }');
    for (let n = 0; n < SECONDS * 12; n += 1) {
      expect(await alice.query(TYPING, { on: true })).toEqual({ data: { setTyping: true } });
      if (n % 12 === 11) clock.advance(1_000);
    }
    expect(alice.closes).toEqual([]);
    await service.query('bob', 'mutation { sendMessage(input: {conversationId: "c", content: "still here"}) { id } }');
    expect(await stream.next()).toEqual({ messageReceived: { content: 'still here' } });
    await alice.close();
  });

  it('/ws: Typing and Presence at any speed are answered as usual', async () => {
    const alice = await connectRaw(service, 'alice');
    for (let n = 0; n < SECONDS * 12; n += 1) {
      expect((await alice.ask('Typing', { conversation_id: 'c', is_typing: true })).data.status).toBe('typing');
      expect((await alice.ask('Presence', { status: 'AWAY' })).data.status).toBe('AWAY');
    }
    expect(alice.of('Error')).toEqual([]);
    expect(alice.socket.readyState).toBe(1);
    await alice.close();
  });

  it('G12: the last typing stop, presence and read position are applied, however many came before', async () => {
    const socket = await service.connect('alice');
    clock.advance(10_000);
    await socket.query(TYPING, { on: true });
    for (let n = 1; n <= 40; n += 1) {
      expect(await socket.query(READ, { n })).toEqual({ data: { markRead: { id: 'c' } } });
      const words = `${n}`;
      expect((await socket.query(PRESENCE, { words })).data.setPresence).toEqual({ status: 'BUSY', statusText: words });
    }
    expect(await socket.query(TYPING, { on: false })).toEqual({ data: { setTyping: false } });
    await eventually(async () => {
      clock.advance(200);
      expect(await seen('bob')).toMatchObject({ typing: 0, words: '40' });
      expect(await seen('alice')).toMatchObject({ unread: 1 });
    });
    // What is not valid is not answered as if it were.
    const asked = [READ, READ, READ, READ, READ, READ, READ, READ].map((read) => socket.query(read, { n: 1_000 }));
    for (const { errors } of await Promise.all(asked)) expect(errors[0].extensions.code).toBe('BAD_USER_INPUT');
    await socket.close();
  });

  it('over the rate each signal is answered, or refused, as under it', async () => {
    const users = ASKED.flatMap((_, index) => [`under-${index}`, `over-${index}`]);
    const memberIds = JSON.stringify(users);
    await service.query('bob', `mutation { createConversation(input: {id: "d", memberIds: ${memberIds}}) { id } }`);
    for (let n = 0; n < 3; n += 1)
      await service.query('bob', 'mutation { sendMessage(input: {conversationId: "d", content: "x"}) { id } }');
    const here = (times: number): string =>
      `mutation { ${Array.from({ length: times }, (_, n) => `s${n}: setPresence(status: ONLINE) { status }`).join(' ')} }`;
    for (const [index, asked] of ASKED.entries()) {
      const ask = async (user: string): Promise<object> => {
        const { data, errors } = await service.query(user, `mutation { ${asked} }`);
        const own = data?.markRead?.readReceipts.nodes.filter((each: Data) => each.user.id === user);
        if (own) data.markRead.readReceipts = own.map(({ sequence }: Data) => sequence);
        return { asked, data, errors };
      };
      await service.query(`under-${index}`, here(1));
      // A user has ten a second.
      await service.query(`over-${index}`, here(10));
      expect(await ask(`over-${index}`)).toEqual(await ask(`under-${index}`));
    }
  });

  it('waiting signals are applied when the service stops', async () => {
    const env = { RATE_LIMIT_ENABLED: 'true' };
    const stopping = await startTestService({ env, clock: new StillClock() });
    await stopping.query('alice', 'mutation { createConversation(input: {id: "c"}) { id } }');
    const { engine } = stopping.service;
    const statuses: string[] = [];
    const setStatus = engine.setStatus.bind(engine);
    Object.assign(engine, {
      setStatus: (...given: Parameters<typeof setStatus>) => {
        statuses.push(given[3] ?? '');
        return setStatus(...given);
      },
    });
    for (let n = 1; n <= 15; n += 1) await stopping.query('alice', PRESENCE, { words: `${n}` });
    const before = statuses.at(-1);
    await stopping.close();
    expect([before, statuses.at(-1)]).toEqual(['10', '15']);
  });
});
