/** Session tokens while the engine is unavailable, when nobody can tell whether their session has ended. */
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/redis-server.ts';
import { startTestService } from '../support/service.ts';

it('G14: a session token is answered SERVICE_UNAVAILABLE while Redis is away, and accepted afterwards', async () => {
  const redis = await startRedisServer();
  const service = await startTestService({ env: { REDIS_URL: redis.url } });
  const { data } = await service.query(
    'alice',
    'mutation { createSession(input: {deviceId: "phone"}) { accessToken } }',
  );
  const ask = async (): Promise<[number, string]> => {
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${data.createSession.accessToken}` },
      body: JSON.stringify({ query: '{ viewer { id } }' }),
    });
    const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
    return [response.status, errors?.[0]?.extensions.code ?? 'OK'];
  };
  expect(await ask()).toEqual([200, 'OK']);
  redis.process.kill('SIGSTOP');
  expect(await ask()).toEqual([503, 'SERVICE_UNAVAILABLE']);
  const open = await fetch(`${service.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${data.createSession.accessToken}` },
    body: JSON.stringify({ query: '{ _service { sdl } }' }),
  });
  expect(open.status).toBe(200);
  redis.process.kill('SIGCONT');
  await eventually(async () => expect(await ask()).toEqual([200, 'OK']));
  await service.close();
  await redis.stop();
});
