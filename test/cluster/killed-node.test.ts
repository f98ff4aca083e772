/** A node that is killed, not stopped: its users are gone within its lease, its messages are not. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { SECRET, startTestService, type TestService } from '../support/service.ts';

describe('a killed node', () => {
  let redis: RedisServer;
  let survivor: TestService;
  let doomed: ChildProcess;
  let port: number;

  beforeAll(async () => {
    redis = await startRedisServer();
    const env = { REDIS_URL: redis.url, JWT_SECRET: SECRET };
    survivor = await startTestService({ env });
    port = await freePort();
    doomed = spawn(process.execPath, [new URL('../../src/main.ts', import.meta.url).pathname], {
      env: { ...process.env, ...env, PORT: String(port), NODE_NO_WARNINGS: '1' },
      stdio: 'ignore',
    });
    await eventually(
      async () => expect((await fetch(`http://127.0.0.1:${port}/health/ready`)).status).toBe(200),
      20_000,
    );
  }, 30_000);
  afterAll(async () => {
    doomed.kill('SIGKILL');
    await survivor.close();
    await redis.stop();
  });

  it('G11: takes its users offline within the lease and a sweep; G01: what it acknowledged stays', async () => {
    const watcher = await survivor.connect('bob');
    const presence = await watcher.subscribe('subscription { presenceUpdated(userIds: ["alice"]) { status } }');
    const alice = await connectClient(`ws://127.0.0.1:${port}/graphql`, await survivor.token('alice'));
    await alice.query('mutation { createConversation(input: { id: "kept", memberIds: ["bob"] }) { id } }');
    const sent = await alice.query('mutation { sendMessage(input: { conversationId: "kept", content: "x" }) { id } }');
    await eventually(() => expect(presence.events.at(-1)?.presenceUpdated.status).toBe('ONLINE'));
    doomed.kill('SIGKILL');
    await once(doomed, 'exit');
    const message = await watcher.query(`{ message(id: "${sent.data.sendMessage.id}") { content } }`);
    expect(message.data.message).toEqual({ content: 'x' });
    const deadline = TIMES.nodeLeaseMs + TIMES.nodeRenewMs + 2_000;
    await eventually(() => expect(presence.events.at(-1)?.presenceUpdated.status).toBe('OFFLINE'), deadline);
    expect(presence.events.map((event) => event.presenceUpdated.status)).toEqual(['OFFLINE', 'ONLINE', 'OFFLINE']);
    await watcher.close();
  }, 60_000);
});
