/**
 * Anything at all, over every way in: nothing crashes, and every answer is of the closed list (G13).
 *
 * `FUZZ_MS` is for how long, `FUZZ_SEED` where it begins; `npm run test:fuzz` takes five minutes.
 */

import { parse, print, visit } from 'graphql';
import { WebSocket } from 'ws';
import { CLOSE_CODES, ERROR_CODES } from '../../src/errors.ts';
import { PATIENCE_MS } from '../support/eventually.ts';
import fc from '../support/fast-check.ts';
import type { Program } from '../support/process.ts';
import type { Data } from '../support/service.ts';
import { startServiceProcess } from '../support/service-process.ts';
import { openSocket } from '../support/socket.ts';
import { post, tokenOf } from './load.ts';
import { IS_FULL, TEST_MS } from './settings.ts';

const FUZZ_MS = Number(process.env['FUZZ_MS'] ?? (IS_FULL ? 20_000 : 4_000));
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
/** However slow the machine is. */
const LEAST_RUNS = 10;
const APOLLO_CODES = ['GRAPHQL_PARSE_FAILED', 'GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE'];
const CODES = new Set<string>([...Object.keys(ERROR_CODES), ...APOLLO_CODES]);
CODES.delete('INTERNAL_SERVER_ERROR');
/** Of ws itself beside ours: a frame that breaks RFC 6455, text that is not UTF-8. */
const CLOSES = new Set<number>([...Object.values(CLOSE_CODES), 1002, 1007]);

const word = fc.oneof(
  fc.constantFrom(
    'a',
    'room',
    'ann',
    '',
    '__proto__',
    'constructor',
    '$x',
    'x'.repeat(129),
    '\u0000',
    '\ud800',
    'é',
    '-1',
    '1e400',
  ),
  fc.string({ maxLength: 12 }),
);
const value = fc.oneof(
  word,
  fc.integer(),
  fc.double(),
  fc.constant(null),
  fc.boolean(),
  fc.array(word, { maxLength: 4 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.dictionary(word, word, { maxKeys: 3 }),
);

const DOCUMENTS = [
  'query ($a: ID!, $n: Int) { conversation(id: $a) { id name messages(first: $n) { edges { node { id content payload } } } } }',
  'mutation ($a: ID!, $b: String) { sendMessage(input: {conversationId: $a, content: $b, payload: {a: 1}}) { id position } }',
  'mutation ($a: String!, $p: JSON!) { publish(topic: $a, payload: $p) { id } }',
  'mutation ($a: ID!) { createConversation(input: {id: $a, kind: ROOM, memberIds: ["ben"]}) { id } }',
  'mutation ($a: String!) { refreshSession(refreshToken: $a) { accessToken } }',
  'query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on Message { content } ... on User { status } } }',
  'subscription ($a: [ID!], $b: [ID!]) { messageReceived(conversationIds: $a, after: $b) { id } }',
  'subscription ($a: [String!]!) { topicPublished(topics: $a) { payload } }',
  'subscription ($a: [ID!]!) { presenceUpdated(userIds: $a) { status } }',
  'query ($a: String!) { topicHistory(topic: $a, last: 5) { payload } presence(userIds: ["a"]) { status } viewer { id } }',
];

/** A document with parts of it swapped, doubled or left out. */
const document = fc
  .tuple(fc.constantFrom(...DOCUMENTS), fc.nat(40), fc.constantFrom('drop', 'double', 'rename', 'none'), word)
  .map(([text, at, how, name]) => {
    if (how === 'none') return text;
    let index = 0;
    const changed = visit(parse(text), {
      SelectionSet(node) {
        index += 1;
        if (index !== (at % 4) + 1) return undefined;
        const [first, ...rest] = node.selections;
        if (first?.kind !== 'Field') return undefined;
        if (how === 'drop') return { ...node, selections: rest.length > 0 ? rest : node.selections };
        if (how === 'double') return { ...node, selections: [...node.selections, ...node.selections] };
        return {
          ...node,
          selections: [{ ...first, name: { ...first.name, value: /^[A-Za-z_]\w*$/.test(name) ? name : 'x' } }],
        };
      },
    });
    const printed = print(changed);
    return how === 'double' ? printed.slice(0, Math.max(printed.length - (at % 7), 1)) : printed;
  });
const request = fc.record({
  query: fc.oneof({ weight: 6, arbitrary: document }, { weight: 1, arbitrary: fc.string() }),
  variables: fc.oneof(
    { weight: 6, arbitrary: fc.dictionary(fc.constantFrom('a', 'b', 'n', 'p', 'r'), value) },
    { weight: 1, arbitrary: value },
  ),
});

const RAW_TYPES = [
  'Subscribe',
  'Unsubscribe',
  'Broadcast',
  'DirectMessage',
  'CreateRoom',
  'JoinRoom',
  'LeaveRoom',
  'RoomMessage',
  'Typing',
  'Presence',
  'Resume',
  'Authenticate',
  'Ping',
  'Status',
  '',
];
const FIELDS = [
  'topics',
  'topic',
  'payload',
  'target_user',
  'client_message_id',
  'room',
  'name',
  'conversation_id',
  'is_typing',
  'status',
  'watch',
  'positions',
  'token',
];
const rawFrame = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        type: fc.constantFrom(...RAW_TYPES),
        data: fc.oneof(
          { weight: 6, arbitrary: fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 6 }) },
          { weight: 1, arbitrary: value },
        ),
        id: fc.oneof(fc.constant('id'), value),
      })
      .map((frame) => JSON.stringify(frame)),
  },
  { weight: 1, arbitrary: fc.string() },
  { weight: 1, arbitrary: fc.json() },
);
const wsFrame = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        id: fc.oneof({ weight: 5, arbitrary: fc.uuid() }, { weight: 1, arbitrary: value }),
        type: fc.constantFrom('subscribe', 'subscribe', 'subscribe', 'complete', 'ping', 'pong'),
        payload: fc.oneof({ weight: 6, arbitrary: request }, { weight: 1, arbitrary: value }),
      })
      .map((frame) => JSON.stringify(frame)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '{}',
      '[]',
      'null',
      '{"type":"next","id":"x","payload":{}}',
      '{"type":"connection_init"}',
    ),
  },
  { weight: 1, arbitrary: fc.string() },
);

/** Codes in an answer, wherever they are. */
function codesOf(answer: Data): string[] {
  const errors: Data[] = [
    ...(answer?.errors ?? []),
    ...(answer?.payload?.errors ?? []),
    ...(answer?.type === 'error' ? answer.payload : []),
  ];
  return [...errors.map(({ extensions }) => extensions?.code), ...(answer?.type === 'Error' ? [answer.data.code] : [])];
}

describe('fuzz', () => {
  let program: Program;
  let url: string;
  let token: string;
  const strange: string[] = [];
  beforeAll(async () => {
    const env = { RATE_LIMIT_ENABLED: 'false', MAX_CONNECTIONS_PER_USER: '10000' };
    ({ program, url } = await startServiceProcess(env));
    token = await tokenOf('ann');
  });
  afterAll(() => program.stop('SIGKILL'));

  const check = (input: string, answer: Data): void => {
    for (const code of codesOf(answer)) if (!CODES.has(code)) strange.push(`${code} for ${input.slice(0, 2_000)}`);
  };

  async function http(body: string): Promise<void> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      authorization: `Bearer ${token}`,
    };
    const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body });
    if (response.status >= 500) strange.push(`${response.status} for ${body}`);
    check(body, await response.json().catch(() => null));
  }

  /** Sends frames one after the other, then asks for a sign of life unless the socket was closed. */
  async function socket(
    path: string,
    protocol: string[],
    hello: object | null,
    frames: readonly string[],
    alive: object,
  ): Promise<void> {
    const raw = await openSocket(`${url.replace('http', 'ws')}${path}`, protocol);
    if (hello) raw.send(hello);
    await raw.frame(0).catch(() => undefined);
    for (const frame of frames) if (raw.socket.readyState === WebSocket.OPEN) raw.socket.send(frame);
    if (raw.socket.readyState === WebSocket.OPEN) raw.send(alive);
    const isOver = (): boolean =>
      raw.frames.some((each) => each.id === 'alive' || (each.type === 'pong' && each.payload?.alive));
    const deadline = performance.now() + PATIENCE_MS;
    while (!isOver() && raw.socket.readyState === WebSocket.OPEN && performance.now() < deadline)
      await new Promise((resolve) => setImmediate(resolve));
    if (raw.socket.readyState === WebSocket.OPEN && !isOver()) strange.push(`no answer after ${frames.join('\n')}`);
    for (const frame of raw.frames) check(frames.join('\n'), frame);
    const wasOpen = raw.socket.readyState === WebSocket.OPEN;
    raw.socket.close();
    const code = await raw.closed;
    if (!wasOpen && !CLOSES.has(code)) strange.push(`closed with ${code} after ${frames.join('\n')}`);
  }

  it(
    `G13: ${FUZZ_MS / 1_000} s from seed ${SEED}`,
    async () => {
      const end = Date.now() + FUZZ_MS;
      let runs = 0;
      const input = fc.record({
        bodies: fc.array(
          fc.oneof(
            { weight: 6, arbitrary: request.map((each) => JSON.stringify(each)) },
            { weight: 1, arbitrary: fc.string() },
            { weight: 1, arbitrary: fc.json() },
          ),
          { maxLength: 5 },
        ),
        ws: fc.array(wsFrame, { maxLength: 8 }),
        raw: fc.array(rawFrame, { maxLength: 12 }),
      });
      for (let seed = SEED; runs < LEAST_RUNS || Date.now() < end; seed += 1) {
        const [sample] = fc.sample(input, { numRuns: 1, seed });
        if (!sample) continue;
        runs += 1;
        await Promise.all([
          ...sample.bodies.map(http),
          socket('/graphql', ['graphql-transport-ws'], { type: 'connection_init', payload: { token } }, sample.ws, {
            type: 'ping',
            payload: { alive: true },
          }),
          socket(`/ws?token=${token}`, [], null, sample.raw, { type: 'Ping', data: {}, id: 'alive' }),
        ]);
        expect({ seed, strange }).toEqual({ seed, strange: [] });
      }
      const { data } = await post(url, token, '{ viewer { id } }', {});
      expect(data.viewer.id).toBe('ann');
    },
    FUZZ_MS + TEST_MS,
  );
});
