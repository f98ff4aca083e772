/** Gateways are told in words: each end, by each way, to a proven gateway and to anyone else. */
import { TIMES } from '../../src/limits.ts';
import { eventually } from '../support/eventually.ts';
import { callbackEndpoint, closeCallbackEndpoint, PLAYS, type Played, type Told } from '../support/played-routers.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';

const GATEWAY = 'a-secret-of-the-gateway';
const RECEIVED =
  'subscription ($ids: [ID!], $after: [ID!]) { messageReceived(conversationIds: $ids, after: $after) { content } }';
const WAYS = Object.entries(PLAYS);

/** Code, reason and whether there is a wait: what a client acts on. */
const wordsOf = ({ errors }: Told): string[] =>
  errors.map(({ extensions: { code, reason, retryAfterMs } }: Data) =>
    [code, reason, retryAfterMs === undefined ? undefined : 'later'].filter(Boolean).join(' '),
  );

async function start(env: Record<string, string> = {}): Promise<{ service: TestService; id: string }> {
  const service = await startTestService({
    env: { GATEWAY_SECRET: GATEWAY, CALLBACK_ALLOWED_URLS: (await callbackEndpoint()).url, ...env },
  });
  const id = newId();
  await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  return { service, id };
}

/** Waits for the end, and tells it as `UNAUTHENTICATED EXPIRED, then 4403`. */
async function endOf(played: Played): Promise<string> {
  await eventually(() => expect(played.told.end).not.toBeNull());
  const { status, end } = played.told;
  const words = wordsOf(played.told);
  const last = status !== null && status !== 200 ? status : end;
  return [...words, `then ${last}`].join(', ');
}

/** How a stream or a socket ends by itself, once all is said. */
const END: Readonly<Record<string, 'whole' | 'socket'>> = {
  'Cosmo, sse_post': 'whole',
  'Hive Router, http': 'whole',
  callback: 'whole',
};

describe('told in words', () => {
  let service: TestService;
  let id: string;
  beforeAll(async () => {
    ({ service, id } = await start());
  });
  afterAll(async () => {
    await service.close();
    await closeCallbackEndpoint();
  });

  const expired = () => service.token('alice', { expiresAt: Math.floor(service.clock.now() / 1_000) - 3_600 });
  const STARTS = [
    ['no token', async () => null, 'MISSING', 4401],
    ['a bad token', async () => 'no.such.token', 'INVALID', 4401],
    ['an expired token', expired, 'EXPIRED', 4403],
  ] as const;

  describe.each(WAYS)('%s', (name, play) => {
    const isSocket = END[name] !== 'whole';

    it.each(STARTS)('%s: a gateway is told by the operation', async (_, token, reason, code) => {
      const played = await play(service, { token: await token(), secret: GATEWAY, query: RECEIVED });
      await eventually(() => expect(wordsOf(played.told)).toEqual([`UNAUTHENTICATED ${reason}`]));
      // A socket serves for more, and is closed when nothing is asked on it for a while.
      if (isSocket) {
        expect(played.told.end).toBeNull();
        service.clock.advance(TIMES.idleGatewayMs);
      }
      expect(await endOf(played)).toBe(`UNAUTHENTICATED ${reason}, then ${isSocket ? code : 'whole'}`);
    });

    it.each(STARTS)('%s: anyone else by the status or the close code', async (_, token, _reason, code) => {
      const played = await play(service, { token: await token(), secret: null, query: RECEIVED });
      if (isSocket) expect(await endOf(played)).toBe(`then ${code}`);
      else expect(played.told).toMatchObject({ status: 401, data: [] });
    });

    it.each([
      ['another’s conversation', { ids: ['not-there'] }, 'NOT_FOUND'],
      ['a position that is none', { after: ['nowhere'] }, 'BAD_USER_INPUT'],
      ['too many conversations', { ids: Array.from({ length: 101 }, (_, n) => `c${n}`) }, 'BAD_USER_INPUT'],
    ])('%s: everyone is told by the operation', async (_, variables, words) => {
      for (const secret of [GATEWAY, null]) {
        const token = await service.token('bob');
        const played = await play(service, { token, secret, query: RECEIVED, variables });
        await eventually(() => expect(wordsOf(played.told)).toEqual([words]));
        played.stop();
      }
    });

    it('the token expires: a gateway is told by the operation, everyone by the close code as well', async () => {
      const token = await service.token('alice', { expiresAt: Math.floor(service.clock.now() / 1_000) + 60 });
      const [ofGateway, ofOther] = await Promise.all(
        [GATEWAY, null].map((secret) => play(service, { token, secret, query: RECEIVED, variables: { ids: [id] } })),
      );
      service.clock.advance(60_000 + TIMES.clockToleranceMs + 1_000);
      const end = isSocket ? 'then 4403' : 'then whole';
      expect(await endOf(ofGateway as Played)).toBe(`UNAUTHENTICATED EXPIRED, ${end}`);
      expect(await endOf(ofOther as Played)).toBe(isSocket ? end : `UNAUTHENTICATED EXPIRED, ${end}`);
    });
  });
});
