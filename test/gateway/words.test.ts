/** Errors for gateways: each end of a stream, over each transport, for a proven gateway and for any other client. */
import { TIMES } from '../../src/limits.ts';
import { startCallbackRouter } from '../support/callback-router.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { callbackEndpoint, closeCallbackEndpoint, PLAYS, type Played } from '../support/played-routers.ts';
import { type Data, newId, type TestService } from '../support/service.ts';
import { END, endOf, GATEWAY, RECEIVED, start, WAYS, wordsOf } from './told-words.ts';

describe('errors for gateways and others', () => {
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

    it.each(STARTS)('%s: a gateway gets an error for the operation', async (_, token, reason, code) => {
      const played = await play(service, { token: await token(), secret: GATEWAY, query: RECEIVED });
      await eventually(() => expect(wordsOf(played.told)).toEqual([`UNAUTHENTICATED ${reason}`]));
      // A socket serves for more, and is closed when nothing is asked on it for a while.
      if (isSocket) {
        expect(played.told.end).toBeNull();
        service.clock.advance(TIMES.idleGatewayMs);
      }
      expect(await endOf(played)).toBe(`UNAUTHENTICATED ${reason}, then ${isSocket ? code : 'whole'}`);
    });

    it.each(STARTS)('%s: any other client gets the status or the close code', async (_, token, _reason, code) => {
      const played = await play(service, { token: await token(), secret: null, query: RECEIVED });
      if (isSocket) expect(await endOf(played)).toBe(`then ${code}`);
      else expect(played.told).toMatchObject({ status: 401, data: [] });
    });

    it.each([
      ['a conversation of others', { ids: ['not-there'] }, 'NOT_FOUND'],
      ['a malformed position', { after: ['nowhere'] }, 'BAD_USER_INPUT'],
      ['too many conversations', { ids: Array.from({ length: 101 }, (_, n) => `c${n}`) }, 'BAD_USER_INPUT'],
    ])('%s: every client gets an error for the operation', async (_, variables, words) => {
      for (const secret of [GATEWAY, null]) {
        const token = await service.token('bob');
        const played = await play(service, { token, secret, query: RECEIVED, variables });
        await eventually(() => expect(wordsOf(played.told)).toEqual([words]));
        played.stop();
      }
    });

    it('the token expires: a gateway gets an error for the operation, and every client the close code', async () => {
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

  it.each([
    [
      'SSE',
      'text/event-stream',
      (json: string) => `:\nretry: N\nevent: next\ndata: ${json}\n\nevent: complete\ndata:\n\n`,
    ],
    [
      'multipart',
      'multipart/mixed;subscriptionSpec="1.0", text/event-stream',
      (json: string) =>
        ['', '{}', `{"payload":${json}}`]
          .map((part) => (part ? `\r\ncontent-type: application/json\r\n\r\n${part}\r\n--graphql` : '\r\n--graphql'))
          .join('')
          .concat('--\r\n'),
    ],
  ])('%s: a refusal is a whole stream, byte for byte', async (_, accept, bytes) => {
    const stream = await openStream(service, null, { query: RECEIVED }, { accept, 'router-authorization': GATEWAY });
    await eventually(() => expect(stream.end).toBe('whole'));
    const extensions = { code: 'UNAUTHENTICATED', reason: 'MISSING' };
    expect(stream.text.replace(/(?<=retry: )\d+/, 'N')).toBe(
      bytes(JSON.stringify({ errors: [{ message: 'A token is required.', extensions }] })),
    );
    expect(stream.status).toBe(200);
  });

  it.each([
    ['a query', { query: '{ viewer { id } }' }],
    ['a mutation', { query: 'mutation { setTyping(conversationId: "c", isTyping: true) }' }],
    ['a request with a large body', { query: '{ viewer { id } }', variables: { large: 'x'.repeat(100_000) } }],
  ])('%s with a bad token: 200 to a gateway, with the error first; 401 to anyone else', async (_, body) => {
    const ask = async (secret: object) => {
      const headers = { 'content-type': 'application/json', authorization: 'Bearer no.such.token', ...secret };
      const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: JSON.stringify(body) });
      const { errors } = (await response.json()) as Data;
      return {
        status: response.status,
        code: errors[0].extensions.code,
        says: response.headers.get('www-authenticate'),
      };
    };
    const code = 'UNAUTHENTICATED';
    expect(await ask({ 'router-authorization': GATEWAY })).toEqual({ status: 200, code, says: null });
    expect(await ask({ 'router-authorization': 'another-secret-of-nobody' })).toMatchObject({ status: 401, code });
    expect(await ask({})).toEqual({ status: 401, code, says: 'Bearer error="invalid_token"' });
  });

  describe('a refused callback', () => {
    const ask = async (secret: object, callbackUrl: string, subscriptionId: string): Promise<number> => {
      const subscription = { callbackUrl, subscriptionId, verifier: 'v' };
      const headers = { accept: 'application/json;callbackSpec=1.0', ...secret };
      const body = { query: RECEIVED, extensions: { subscription } };
      const answer = await openStream(service, 'no.such.token', body, headers);
      await eventually(() => expect(answer.end).toBe('whole'));
      return answer.status;
    };

    it('is sent only for a proven gateway, and only to an allowed URL', async () => {
      const router = await callbackEndpoint();
      const [known, told] = [newId(), newId()];
      expect(await ask({}, `${router.url}/callback`, known)).toBe(401);
      const elsewhere = await startCallbackRouter(() => 204);
      const gateway = { 'router-authorization': GATEWAY };
      expect(await ask(gateway, `${elsewhere.url}/callback`, known)).toBe(200);
      // Whoever is called is called in this order.
      expect(await ask(gateway, `${router.url}/callback`, told)).toBe(200);
      await eventually(() => expect(router.of('complete', told)).toHaveLength(1));
      expect([...elsewhere.messages, ...router.of('complete', known), ...router.of('check', known)]).toEqual([]);
      await elsewhere.close();
    });

    it('is sent again to a router whose endpoint fails, and not to one that does not know it', async () => {
      const router = await callbackEndpoint();
      const gateway = { 'router-authorization': GATEWAY };
      const [failing, forgotten] = [newId(), newId()];
      const answer = router.answer;
      router.answer = ({ body }) => {
        if (body.id === forgotten) return 404;
        return body.id === failing && router.of('complete', failing).length < 2 ? 503 : 204;
      };
      await ask(gateway, `${router.url}/callback`, forgotten);
      await ask(gateway, `${router.url}/callback`, failing);
      await eventually(() => expect(router.of('complete', failing)).toHaveLength(2));
      expect(router.of('complete', forgotten)).toHaveLength(1);
      router.answer = answer;
    });
  });

  it('a session is revoked: a gateway gets the error on its socket before the close', async () => {
    const begin = 'mutation { createSession(input: { deviceId: "phone" }) { accessToken session { id } } }';
    const { createSession } = (await service.query('carol', begin)).data;
    const played = await PLAYS['Cosmo, ws'](service, {
      token: createSession.accessToken,
      secret: GATEWAY,
      query: 'subscription { topicPublished(topics: ["t"]) { id } }',
    });
    await service.query('carol', 'mutation ($id: ID!) { revokeSession(id: $id) { id } }', {
      id: createSession.session.id,
    });
    expect(await endOf(played)).toBe('UNAUTHENTICATED REVOKED, then 4401');
  });
});
