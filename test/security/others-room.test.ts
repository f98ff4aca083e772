/** Acts of others use up none of a user's limits. */
import { begin } from '../contract/membership-quota.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { tenant, userId } from '../support/world.ts';

const MOST = 100;

describe('a user named by others', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startTestService({ conversationsPerUser: MOST });
  });
  afterAll(() => service.close());

  it('G18: in as many conversations as another may create, still creates, joins and receives messages', async () => {
    const { engine } = service.service;
    const ask = (user: string, document: string, variables = {}) =>
      service.query(user, document, variables, { tenant });
    const [mallory, victim] = [userId('mallory'), userId('victim')];
    const half = MOST / 2;
    for (let n = 0; n < 2; n += 1)
      await Promise.all(Array.from({ length: half }, () => begin(engine, mallory, [victim], undefined, 'GROUP')));
    const create = 'mutation ($id: ID) { createConversation(input: {id: $id, kind: ROOM}) { id } }';
    expect((await ask('mallory', create)).code).toBe('CONFLICT');
    const named = 'mutation { createConversation(input: {memberIds: ["victim"]}) { memberCount } }';
    expect((await ask('friend', named)).data).toEqual({ createConversation: { memberCount: 2 } });
    const direct = 'mutation { sendDirectMessage(userId: "victim", content: "hello") { sequence } }';
    expect((await ask('friend', direct)).data).toEqual({ sendDirectMessage: { sequence: 1 } });
    await ask('host', create, { id: 'hall' });
    expect((await ask('victim', 'mutation { joinConversation(id: "hall") { id } }')).code).toBeUndefined();
    expect((await ask('victim', create, { id: 'own' })).code).toBeUndefined();
    // A create that is repeated at the cap answers what it made.
    const again = 'mutation { createConversation(input: {id: "hall", kind: ROOM}) { id } }';
    await Promise.all(Array.from({ length: MOST - 1 }, () => begin(engine, userId('host'))));
    expect((await ask('host', create, { id: 'one-too-many' })).code).toBe('CONFLICT');
    expect((await ask('host', again)).data).toEqual({ createConversation: { id: 'hall' } });
  });

  it('G09, G11: the same user id in two tenants has separate presence, also without a socket', async () => {
    const set = 'mutation { setPresence(status: BUSY) { status } }';
    const seen = '{ presence(userIds: ["zoe"]) { status } }';
    const tenants = ['one', 'two'].map((name) => ({ tenant: name }));
    for (const claims of tenants) await service.query('zoe', set, {}, claims);
    const statuses = async (): Promise<string[]> =>
      (await Promise.all(tenants.map((claims) => service.query('zoe', seen, {}, claims)))).map(
        ({ data }) => data.presence[0].status,
      );
    expect(await statuses()).toEqual(['BUSY', 'BUSY']);
    // Whoever connects takes the place of their own visit only.
    const client = await service.connect('zoe', tenants[0]);
    expect(await statuses()).toEqual(['BUSY', 'BUSY']);
    await client.close();
  });
});
