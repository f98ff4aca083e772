import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { parse } from 'graphql';
import { Redis } from 'ioredis';
import { graphNameRows } from '../../scripts/graph-names.ts';
import { readConfig } from '../../src/config.ts';
import { leaveOut } from '../../src/graphql/leave-out.ts';
import { createSchema, readSubgraphSdl } from '../../src/graphql/schema.ts';
import { LIMITS } from '../../src/limits.ts';
import type { Composed, Graph } from '../support/compose.ts';
import { costedFields } from '../support/costed-fields.ts';
import { type Nodes, SETTINGS, startNodes } from '../support/nodes.ts';
import { startProgram } from '../support/process.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const run = promisify(execFile);
const SDL = '{ _service { sdl } }';

async function readUsersSdl(): Promise<string> {
  const users = await startProgram('examples/users-subgraph.ts', { PORT: '0' }, /Users subgraph at/);
  const response = await fetch(/at (http\S+)/.exec(users.output)?.[1] ?? '', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: SDL }),
  });
  const { data } = (await response.json()) as Data;
  await users.stop();
  return data._service.sdl;
}

/** What one composer says of each graph, in a process of its own. */
async function composeBy(composer: string, graphs: readonly Graph[]): Promise<Composed[]> {
  const running = run(process.execPath, ['--no-warnings', 'test/support/compose.ts', composer]);
  running.child.stdin?.end(JSON.stringify(graphs));
  const { stdout, stderr } = await running;
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

describe('federation', () => {
  let service: TestService;
  let realtime: string;
  let users: string;
  beforeAll(async () => {
    [service, users] = await Promise.all([startTestService(), readUsersSdl()]);
    realtime = (await service.query(null, SDL)).data._service.sdl;
  });
  afterAll(() => service.close());

  it.each(['@apollo/composition', '@theguild/federation-composition', '@wundergraph/composition'])(
    '%s composes it with the users subgraph, with an API of other names, and with one of the same names',
    async (composer) => {
      const graphs: Graph[] = [
        { realtime, users },
        { realtime, shop: readFileSync('test/support/main-api.graphql', 'utf8') },
      ];
      const clashing = readFileSync('test/support/clashing-api.graphql', 'utf8');
      const others: Graph[] = [
        { realtime, shop: clashing },
        {
          realtime: leaveOut(realtime, ['User.status', 'Query.viewer']),
          shop: clashing.replace('type PageInfo {', 'type PageInfo @shareable {'),
        },
      ];
      // What both describe, each in its own words: a fact, and no fault.
      const hints = (...names: string[]): string[] =>
        names.map(
          (name) => `INCONSISTENT_DESCRIPTION: Element "${name}" has inconsistent descriptions across subgraphs`,
        );
      const said =
        composer === '@apollo/composition'
          ? [hints('User', 'User.id'), hints('DateTime', 'User', 'User.id', 'PageInfo')]
          : [[], []];
      const all = await composeBy(composer, [...graphs, ...others]);
      const [clash, resolved] = all.splice(graphs.length);
      for (const name of ['status', 'viewer', 'hasNextPage']) expect(clash?.said.join('\n')).toContain(name);
      expect(resolved?.said.filter((each) => !each.startsWith('INCONSISTENT_DESCRIPTION'))).toEqual([]);
      expect(all).toEqual(
        graphs.map((graph, index) => ({ said: said[index], costed: costedFields(...Object.values(graph)) })),
      );
      const page = readFileSync('docs/federation.md', 'utf8');
      const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
      expect(page).toContain(`\`${composer}\` ${devDependencies[composer]} |`);
      for (const hint of said.flat()) expect(page).toContain(`\`${hint.split(':')[0]}\``);
    },
  );

  it('docs/federation.md lists every name that the service adds to the graph', () => {
    const page = readFileSync('docs/federation.md', 'utf8');
    expect(page).toContain(`| what | names |\n| --- | --- |\n${graphNameRows().join('\n')}\n\n`);
  });

  it('schema:print leaves out the given fields, and refuses unknown ones', async () => {
    const names = ['User.status', 'Query.viewer'];
    const { stdout } = await run(process.execPath, ['--no-warnings', 'scripts/print-schema.ts', '--without', ...names]);
    expect(stdout.trim()).toBe(leaveOut(realtime, names).trim());
    expect(parse(stdout).definitions.length).toBeLessThan(parse(realtime).definitions.length);
    expect(() => leaveOut(realtime, ['User.unknown'])).toThrow('The schema has no User.unknown.');
  });

  it('SUBGRAPH_WITHOUT: the SDL for gateways lacks these fields, and the service still has them', () => {
    const { subgraphWithout } = readConfig({ SUBGRAPH_WITHOUT: 'User.status, Query.viewer' });
    const schema = createSchema(subgraphWithout);
    expect(readSubgraphSdl(schema)).toBe(leaveOut(realtime, ['User.status', 'Query.viewer']));
    expect(schema.getQueryType()?.getFields()).toHaveProperty('viewer');
    expect(() => createSchema(['User.unknown'])).toThrow('SUBGRAPH_WITHOUT: The schema has no User.unknown.');
    expect(() => readConfig({ SUBGRAPH_WITHOUT: 'status' })).toThrow('SUBGRAPH_WITHOUT');
  });

  it('describes every type, field, argument and value', () => {
    const { definitions } = parse(
      ['schema', 'users', 'presence', 'typing', 'conversations', 'messages']
        .map((name) => readFileSync(new URL(`../../schema/${name}.graphql`, import.meta.url), 'utf8'))
        .join('\n'),
    );
    const missing: string[] = [];
    const check = (node: Data, path: string): void => {
      const name = `${path}${node.name?.value ?? ''}`;
      if (!node.kind.includes('Extension') && !node.description) missing.push(name);
      for (const child of [...(node.fields ?? []), ...(node.values ?? []), ...(node.arguments ?? [])])
        check(child, `${name}.`);
    };
    for (const definition of definitions) check(definition, '');
    expect(missing).toEqual([]);
  });

  it('_entities: a bad reference is an error at its index only', async () => {
    const bad = {
      'a type there is not': { __typename: 'Nothing', id: 'x' },
      'a type that is no entity': { __typename: 'Reaction', emoji: 'x' },
      'a type that is a list': { __typename: ['User'], id: 'x' },
      'no type': { id: 'x' },
      'no object': 7,
      'a text': 'User',
      'a list': [{ __typename: 'User', id: 'x' }],
      ...Object.fromEntries(
        ['User', 'Conversation', 'Message', 'Session'].flatMap((__typename) => [
          [`${__typename} without its key`, { __typename }],
          [`${__typename}, its key an object`, { __typename, id: { $gt: '' } }],
          [`${__typename}, its key a number`, { __typename, id: 7 }],
          [`${__typename}, its key null`, { __typename, id: null }],
          [`${__typename}, its key no id`, { __typename, id: 'a b' }],
          [`${__typename}, its key empty`, { __typename, id: '' }],
          [`${__typename}, its key too long`, { __typename, id: 'x'.repeat(129) }],
        ]),
      ),
    };
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename ... on User { id } } }`;
    const r = Object.values(bad).flatMap((each, index) => [{ __typename: 'User', id: `u${index}` }, each]);
    const { data, errors } = await service.query('alice', query, { r });
    expect(data._entities).toEqual(
      Object.values(bad).flatMap((_, index) => [{ __typename: 'User', id: `u${index}` }, null]),
    );
    const told = new Map(errors?.map(({ path, extensions: { code } }) => [JSON.stringify(path), code]));
    expect(Object.keys(bad).map((name, index) => [name, told.get(`["_entities",${2 * index + 1}]`)])).toEqual(
      Object.keys(bad).map((name) => [name, 'BAD_USER_INPUT']),
    );
    expect(told.size).toBe(Object.keys(bad).length);
  });

  it('_entities accepts at most 1,000 representations', async () => {
    const query = `query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }`;
    const r = Array.from({ length: LIMITS.representations + 1 }, (_, index) => ({
      __typename: 'User',
      id: `u${index}`,
    }));
    expect((await service.query('alice', query, { r })).code).toBe('BAD_USER_INPUT');
    expect((await service.query('alice', query, { r: r.slice(1) })).data._entities).toHaveLength(1_000);
  });
});

describe.each(SETTINGS)('_entities: %s', (setting) => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes(setting);
  });
  afterAll(() => nodes.close());

  it('resolves a mixed list in the requested order, with null for absent and forbidden', async () => {
    const { here, there } = nodes;
    const id = newId();
    await here.query('alice', `mutation { createConversation(input: { id: "${id}", name: "N" }) { id } }`);
    const sent = await here.query(
      'alice',
      `mutation { sendMessage(input: { conversationId: "${id}", content: "hi" }) { id } }`,
    );
    const messageId = sent.data.sendMessage.id;
    const ask = (user: string) =>
      there.query(
        user,
        `query ($r: [_Any!]!) { _entities(representations: $r) { __typename
          ... on Message { content conversation { name } } ... on Conversation { name lastMessage { content } } ... on User { id status } } }`,
        {
          r: [
            { __typename: 'Message', id: messageId },
            { __typename: 'User', id: 'zoe' },
            { __typename: 'Conversation', id },
            { __typename: 'Conversation', id: 'unknown' },
            { __typename: 'Message', id: 'unknown' },
          ],
        },
      );
    expect((await ask('alice')).data._entities).toEqual([
      { __typename: 'Message', content: 'hi', conversation: { name: 'N' } },
      { __typename: 'User', id: 'zoe', status: 'OFFLINE' },
      { __typename: 'Conversation', name: 'N', lastMessage: { content: 'hi' } },
      null,
      null,
    ]);
    expect((await ask('mallory')).data._entities).toEqual([
      null,
      { __typename: 'User', id: 'zoe', status: 'OFFLINE' },
      null,
      null,
      null,
    ]);
  });

  it('shows a user’s status and conversations through _entities', async () => {
    const { here, there } = nodes;
    const [id, user] = [newId(), newId()];
    await here.query(
      user,
      `mutation { createConversation(input: { id: "${id}", name: "N", memberIds: ["alice"] }) { id } }`,
    );
    await here.query('alice', `mutation { sendMessage(input: { conversationId: "${id}", content: "hi" }) { id } }`);
    const client = await here.connect(user);
    const { data } = await there.query(
      user,
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on User {
        status conversations { id name lastActivityAt unreadMessageCount } } } }`,
      { r: [{ __typename: 'User', id: user }] },
    );
    expect(data._entities).toEqual([
      {
        status: 'ONLINE',
        conversations: [{ id, name: 'N', lastActivityAt: expect.any(String), unreadMessageCount: 1 }],
      },
    ]);
    await client.close();
  });

  if (setting === 'redis') {
    it('1,000 representations cost as many round trips as 10', async () => {
      const { here } = nodes;
      const ids = Array.from({ length: 1_000 }, (_, index) => `many-${index}`);
      for (let start = 0; start < ids.length; start += LIMITS.rootFields) {
        const some = ids.slice(start, start + LIMITS.rootFields);
        const fields = some.map((id, index) => `c${index}: createConversation(input: { id: "${id}" }) { id }`);
        expect((await here.query('olga', `mutation { ${fields.join(' ')} }`)).errors).toBeUndefined();
      }
      const admin = new Redis(nodes.redisUrl);
      /** Reads the server made from its clients' sockets: what a pipeline sends at once arrives in few of them. */
      const reads = async (): Promise<number> =>
        Number(/total_reads_processed:(\d+)/.exec(await admin.info('stats'))?.[1]);
      const cost = async (count: number): Promise<number> => {
        const before = await reads();
        const { data } = await here.query(
          'olga',
          'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Conversation { id viewerRole unreadMessageCount } } }',
          { r: ids.slice(0, count).map((id) => ({ __typename: 'Conversation', id })) },
        );
        expect(data._entities.filter(Boolean)).toHaveLength(count);
        return (await reads()) - before;
      };
      await cost(10);
      const few = await cost(10);
      const many = await cost(1_000);
      admin.disconnect();
      // A request of 1,000 keys is some 200 KB and is read in pieces of 16 KB; one by one it would be 3,000 reads.
      expect(few).toBeLessThan(10);
      expect(many).toBeLessThan(60);
    });
  }
});
