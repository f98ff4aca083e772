/** Variables of operations: absent, null, given and wrong, over every way in. */

import type { TestClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import { openStream } from '../support/http-stream.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

describe('variables', () => {
  let service: TestService;
  let client: TestClient;
  beforeAll(async () => {
    service = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false' } });
    client = await service.connect('alice');
  });
  afterAll(async () => {
    await client.close();
    await service.close();
  });

  const DECLARED = '$show: Boolean = true, $hide: Boolean = false, $n: Int = 1, $m: Int';
  const SELECTED = `content
    senderId @include(if: $show)
    sequence @skip(if: $hide)
    conversation { members(first: $n) { nodes { role } } others: members(first: $m) { nodes { role } } }`;
  const EVENT = `subscription ($ids: [ID!], ${DECLARED}) { messageReceived(conversationIds: $ids) { ${SELECTED} } }`;
  const ANSWER = `query ($id: ID!, ${DECLARED}) { message(id: $id) { ${SELECTED} } }`;

  const given = fc.record(
    {
      show: fc.constantFrom(true, false, null),
      hide: fc.constantFrom(true, false, null),
      n: fc.constantFrom(0, 1, 2, null),
      m: fc.constantFrom(1, 3, null),
    },
    { requiredKeys: [] },
  );

  const messagesOf = (errors: Data[] = []): string[] => errors.map(({ message }) => message).toSorted();
  const toldOf = ({ data, errors }: Data, field: string) => [data?.[field] ?? null, messagesOf(errors)];

  it('each subscriber receives an event as a query with the same variables would answer it', async () => {
    const create = 'mutation ($input: CreateConversationInput!) { createConversation(input: $input) { id } }';
    const send = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';
    await fc.assert(
      fc.asyncProperty(fc.array(given, { minLength: 2, maxLength: 8 }), async (all) => {
        const conversationId = newId();
        await client.query(create, { input: { id: conversationId, memberIds: ['bob', 'cid'] } });
        const heard: Data[] = [];
        const stops = all.map((variables, index) =>
          client.client.subscribe<Data>(
            { query: EVENT, variables: { ids: [conversationId], ...variables } },
            {
              next: (event) => {
                heard[index] = event;
              },
              error: () => undefined,
              complete: () => undefined,
            },
          ),
        );
        // Frames are handled in order: all of them listen by now.
        const { sendMessage } = (await client.query(send, { input: { conversationId, content: 'x' } })).data;
        await eventually(() => expect(Object.keys(heard)).toHaveLength(all.length));
        for (const [index, variables] of all.entries()) {
          const answer = await client.query(ANSWER, { id: sendMessage.id, ...variables });
          expect(toldOf(heard[index], 'messageReceived')).toEqual(toldOf(answer, 'message'));
        }
        for (const stop of stops) stop();
      }),
      { numRuns: 30 },
    );
  });

  const USES = {
    'ID!': 'query ($v: ID!) { message(id: $v) { id } }',
    Int: 'query ($v: Int) { viewer { sessions(first: $v) { nodes { id } } } }',
    Boolean: 'query ($v: Boolean = true) { viewer { id @include(if: $v) } }',
    PresenceStatus: 'mutation ($v: PresenceStatus = AWAY) { setPresence(status: $v) { status } }',
    '[ID!]': 'subscription ($v: [ID!]) { messageReceived(conversationIds: $v) { id } }',
    SendMessageInput: 'mutation ($v: SendMessageInput!) { sendMessage(input: $v) { id } }',
  } as const;
  /** What the error says: the variable, and where in its value the fault is. */
  const FAULTS: readonly (readonly [type: keyof typeof USES, value: unknown, said: string])[] = [
    ['ID!', undefined, 'Variable "$v" of required type "ID!" was not provided.'],
    ['ID!', null, 'Variable "$v" of non-null type "ID!" must not be null.'],
    ['Int', 1.5, 'Variable "$v" got invalid value 1.5; '],
    ['Int', 3_000_000_000, 'Variable "$v" got invalid value 3000000000; '],
    ['Boolean', 'yes', 'Variable "$v" got invalid value "yes"; '],
    ['PresenceStatus', 'away', 'Variable "$v" got invalid value "away"; '],
    ['[ID!]', ['a', null], 'Variable "$v" got invalid value null at "v[1]"; '],
    ['SendMessageInput', { conversationId: 'c', content: 7 }, 'Variable "$v" got invalid value 7 at "v.content"; '],
    ['SendMessageInput', { content: 'x' }, 'Variable "$v" got invalid value { content: "x" }; '],
    ['SendMessageInput', { conversationId: 'c', text: 'x' }, 'Field "text" is not defined by type "SendMessageInput"'],
  ];

  const failed = (query: string, variables: object): Promise<Data> =>
    new Promise((next) => {
      client.client.subscribe({ query, variables: { ...variables } }, { next, error: next, complete: () => undefined });
    });

  it.each(FAULTS)('%s: %j is refused with its name and path, in every way', async (type, value, said) => {
    const body = { query: USES[type], variables: { v: value } };
    const { errors } = await failed(body.query, body.variables);
    const told = { message: expect.stringContaining(said), extensions: { code: 'BAD_USER_INPUT' } };
    expect(errors).toMatchObject([told]);
    for (const accept of ['application/json', 'text/event-stream', 'multipart/mixed;subscriptionSpec=1.0']) {
      const isStream = accept !== 'application/json';
      if (isStream !== body.query.startsWith('subscription')) continue;
      const stream = await openStream(service, await service.token('alice'), body, { accept });
      await eventually(() => expect(stream.end).toBe('whole'));
      const [json = ''] = /\{"errors":\[.*\]\}/.exec(stream.text) ?? [];
      expect(JSON.parse(json).errors).toEqual(errors);
    }
  });
});
