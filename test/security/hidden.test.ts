/** A user who has chosen OFFLINE looks like one who left at that time, in every field that depends on presence. */
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { type Nodes, SETTINGS, startNodes } from '../support/nodes.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type Data, newId } from '../support/service.ts';

const PRESENCE = `status statusText lastSeenAt devices { deviceId connectionType connectedAt }
  user { status lastSeenAt }`;
const USER = `status lastSeenAt presence { ${PRESENCE} }`;

/** Where others are told of a user, by what they ask. */
const QUESTIONS: readonly (readonly [string, (user: string, group: string) => string])[] = [
  ['presence', (user) => `{ presence(userIds: ["${user}"]) { ${PRESENCE} } }`],
  [
    'User, as an entity',
    (user) => `{ _entities(representations: [{__typename: "User", id: "${user}"}]) { ... on User { ${USER} } } }`,
  ],
  [
    'User, as a member',
    (_, group) => `{ conversation(id: "${group}") { members(first: 1) { nodes { user { ${USER} } } } } }`,
  ],
  ['typing', (_, group) => `{ conversation(id: "${group}") { typingUsers { id } } }`],
];

const SET =
  'mutation ($status: PresenceStatus!, $text: String) { setPresence(status: $status, statusText: $text) { status statusText } }';
const TYPE = 'mutation ($id: ID!) { setTyping(conversationId: $id, isTyping: true) }';

describe.each(SETTINGS)('a user who has chosen OFFLINE, %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting, { RATE_LIMIT_ENABLED: 'false' });
  });
  afterAll(() => nodes.close());

  it('is not revealed by any field, event or frame, whatever they do', async () => {
    const user = `shy-${newId()}`;
    const group = newId();
    await nodes.here.query(user, `mutation { createConversation(input: {id: "${group}", memberIds: ["bob"]}) { id } }`);
    const told = async (): Promise<Data[]> => {
      const answers = QUESTIONS.map(([, query]) => nodes.there.query('bob', query(user, group)));
      return (await Promise.all(answers)).map(({ data, errors }) => errors ?? data);
    };
    const phone = await nodes.here.connect(user, { deviceId: 'phone' });
    const set = async (status: string, text: string | null = null): Promise<Data> =>
      (await phone.query(SET, { status, text })).data.setPresence;
    await set('BUSY', 'in a meeting');
    expect(await told()).toMatchObject([{ presence: [{ status: 'BUSY', statusText: 'in a meeting' }] }, {}, {}, {}]);
    expect(await set('OFFLINE', 'my own words')).toEqual({ status: 'OFFLINE', statusText: null });
    const left = await told();
    expect(JSON.stringify(left)).not.toMatch(/BUSY|ONLINE|phone|meeting|words/);
    const bob = await nodes.there.connect('bob');
    const raw = await connectRaw(nodes.there, 'bob');
    const watch = await bob.subscribe(`subscription { presenceUpdated(userIds: ["${user}"]) { ${PRESENCE} } }`);
    const typing = await bob.subscribe('subscription { typingIndicator { userId } }');
    await raw.ask('Presence', { watch: [user] });
    await watch.next();
    await raw.received('Presence', 1);
    const sockets: RawClient[] = [];
    const acts: (() => Promise<unknown>)[] = [
      async () => sockets.push(await connectRaw(nodes.there, user)),
      async () => (await connectClient(nodes.there.wsUrl, await nodes.there.token(user))).close(),
      () => set('OFFLINE', 'other words'),
      () => phone.query(TYPE, { id: group }),
      () => nodes.there.query(user, TYPE, { id: group }),
      () => nodes.here.query(user, SET, { status: 'OFFLINE' }),
      async () => sockets.pop()?.close(),
    ];
    for (const act of acts) {
      await act();
      expect(await told()).toEqual(left);
      nodes.clock.advance(1_000);
    }
    await set('ONLINE');
    await phone.query(TYPE, { id: group });
    // All that was announced before has come.
    expect((await watch.next()).presenceUpdated).toMatchObject({ status: 'ONLINE' });
    await typing.next();
    expect([watch.events.length, typing.events.length]).toEqual([2, 1]);
    const frames = await raw.received('Presence', 2);
    expect(frames.map(({ status }) => status)).toEqual(['OFFLINE', 'ONLINE']);
    const [{ presence }] = (await told()) as [Data];
    const since = presence[0].devices.map(({ connectedAt }: Data) => Date.parse(connectedAt));
    expect(Math.min(...since)).toBeGreaterThan(Date.parse((left[0] as Data).presence[0].lastSeenAt));
    await eventually(() => expect(frames).toHaveLength(2));
    await raw.close();
    await bob.close();
    await phone.close();
  });
});
