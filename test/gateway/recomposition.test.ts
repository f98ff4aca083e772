/** The example gateway composes at run time: it adds registered subgraphs, and refuses those that do not compose. */
import { eventually } from '../support/eventually.ts';
import { type Gateway, placeForGateway, startGateway } from '../support/gateway.ts';
import { openStream } from '../support/http-stream.ts';
import { type Data, startTestService, type TestService } from '../support/service.ts';

const TOKEN = 'only-for-subgraphs';
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])';
const badges = (sdl: string, version = '1.0.0') => ({
  name: 'badges',
  url: 'http://127.0.0.1:1/graphql',
  sdl: `${link} ${sdl}`,
  version,
});

describe('a subgraph registers at the example gateway', () => {
  let service: TestService;
  let gateway: Gateway;
  beforeAll(async () => {
    const place = await placeForGateway();
    service = await startTestService({
      env: { GATEWAY_REGISTRATION_URL: `${place.url}/register`, GATEWAY_REGISTRATION_TOKEN: TOKEN },
    });
    // Where the service says that it is.
    const url = `http://localhost:${service.service.port}`;
    gateway = await startGateway(place, url, { GATEWAY_REGISTRATION_TOKEN: TOKEN });
  });
  afterAll(async () => {
    await gateway.close();
    await service.close();
  });

  const fieldsOf = async (type: string): Promise<string[]> => {
    const { data } = await gateway.query('', `{ __type(name: "${type}") { fields { name } } }`);
    return data.__type?.fields.map(({ name }: Data) => name) ?? [];
  };
  const composedAt = async (): Promise<string> => (await gateway.health()).gateway.supergraph.composedAt;

  it('the service registers by itself, and both health reports say so', async () => {
    const registration = async (): Promise<Data> => {
      const detailed = (await (await fetch(`${service.url}/health/detailed`)).json()) as Data;
      return detailed.components.registration;
    };
    await eventually(async () => {
      // The gateway started later than the service, which has to try again.
      service.clock.advance(1_000);
      expect(await registration()).toMatchObject({ status: 'accepted' });
    });
    expect((await gateway.health()).subgraphs).toMatchObject({
      users: { status: 'ok', version: null },
      realtime: {
        status: 'ok',
        version: expect.stringMatching(/^\d/),
        url: `http://localhost:${service.service.port}/graphql`,
        detail: { components: { registration: { status: 'accepted' } } },
      },
    });
  });

  it('a new subgraph is part of the graph at once, without a restart', async () => {
    const { status, body } = await gateway.register(
      badges('type User @key(fields: "id") { id: ID! badge: String }'),
      TOKEN,
    );
    expect({ status, body }).toEqual({
      status: 200,
      body: { accepted: true, outcome: 'composed', composedAt: expect.any(String) },
    });
    await eventually(async () =>
      expect(await fieldsOf('User')).toEqual(expect.arrayContaining(['name', 'status', 'badge'])),
    );
  });

  it('a new version of a subgraph ends subscriptions with SCHEMA_RELOAD; the same version does not', async () => {
    const alice = await service.token('alice');
    const query = 'subscription { presenceUpdated(userIds: ["bob"]) { status } }';
    const stream = await openStream(gateway, alice, { query });
    await eventually(() => expect(stream.text).toContain('OFFLINE'));
    const before = await composedAt();
    const same = badges('type User @key(fields: "id") { id: ID! badge: String }');
    expect((await gateway.register(same, TOKEN)).body).toMatchObject({ accepted: true, outcome: 'unchanged' });
    expect(await composedAt()).toBe(before);

    const next = badges('type User @key(fields: "id") { id: ID! badge: String rank: Int }', '1.1.0');
    expect((await gateway.register(next, TOKEN)).body).toMatchObject({ accepted: true, outcome: 'composed' });
    await eventually(() => expect(stream.end).not.toBeNull());
    expect(stream.text).toContain('SCHEMA_RELOAD');
    await eventually(async () => expect(await fieldsOf('User')).toContain('rank'));
  });

  it('a subgraph that does not compose is refused with the reasons, and the graph stays', async () => {
    const before = await composedAt();
    const { status, body } = await gateway.register(badges('type Query { viewer: String }'), TOKEN);
    expect(status).toBe(422);
    expect(body).toEqual({
      accepted: false,
      errors: expect.arrayContaining([expect.stringContaining('Query.viewer')]),
    });
    expect((await gateway.register(badges('type {'), TOKEN)).status).toBe(422);
    expect(await composedAt()).toBe(before);
    const { data } = await gateway.query(await service.token('alice'), '{ viewer { id name } }');
    expect(data.viewer).toEqual({ id: 'alice', name: 'Alice Arnold' });
  });

  it.each([
    ['no token', badges('type Query { a: Int }'), undefined, 401],
    ['another token', badges('type Query { a: Int }'), 'guessed', 401],
    ['no name', { ...badges('type Query { a: Int }'), name: '' }, TOKEN, 400],
    ['an invalid url', { ...badges('type Query { a: Int }'), url: 'file:///etc' }, TOKEN, 400],
    ['no SDL', { ...badges(''), sdl: null }, TOKEN, 400],
  ])('refuses %s', async (_, announcement, token, status) => {
    expect((await gateway.register(announcement, token)).status).toBe(status);
  });
});
