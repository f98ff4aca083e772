/** A killed node: its users are offline within its lease, and its messages are kept. */
import { TIMES } from '../../src/limits.ts';
import { connectClient } from '../support/client.ts';
import { createConversation, send } from '../support/conversations.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { captureLog } from '../support/log.ts';
import { type Program, startProgram } from '../support/process.ts';
import { SECRET, startTestService, type TestService } from '../support/service.ts';
import { onSharedRedis } from '../support/shared-redis.ts';

describe('a killed node', () => {
  let survivor: TestService;
  let doomed: Program;
  let port: number;
  const survivorLog = captureLog('info');

  beforeAll(async () => {
    const env = { ...onSharedRedis(), JWT_SECRET: SECRET };
    survivor = await startTestService({ env, log: survivorLog.log });
    port = await freePort();
    doomed = await startProgram('src/main.ts', { ...env, PORT: String(port) }, /service started/);
  });
  afterAll(async () => {
    await doomed.stop('SIGKILL');
    await survivor.close();
  });

  it('G11: its users are offline within the lease and a sweep, which names it; G01: acknowledged messages are kept', async () => {
    const watcher = await survivor.connect('bob');
    const presence = await watcher.subscribe('subscription { presenceUpdated(userIds: ["alice"]) { status } }');
    const alice = await connectClient(`ws://127.0.0.1:${port}/graphql`, await survivor.token('alice'));
    const { id } = await createConversation(alice, { memberIds: ['bob'] });
    const sent = await send(alice, id, 'x');
    await eventually(() => expect(presence.events.at(-1)?.presenceUpdated.status).toBe('ONLINE'));
    const { nodeId } = (await (await fetch(`http://127.0.0.1:${port}/info`)).json()) as { nodeId: string };
    expect(doomed.output).toContain(`"node":"${nodeId}"`);
    await doomed.stop('SIGKILL');
    const message = await watcher.query(`{ message(id: "${sent.id}") { content } }`);
    expect(message.data.message).toEqual({ content: 'x' });
    for (let passedMs = 0; passedMs < TIMES.nodeLeaseMs + TIMES.nodeRenewMs; passedMs += TIMES.nodeRenewMs) {
      survivor.clock.advance(TIMES.nodeRenewMs);
      // Answered behind the renewal of the survivor's own lease, on one connection.
      await watcher.query('{ presence(userIds: ["alice"]) { status } }');
    }
    const statuses = (): string[] => presence.events.map((event) => event.presenceUpdated.status);
    await eventually(() => expect(statuses()).toEqual(['OFFLINE', 'ONLINE', 'OFFLINE']));
    await survivorLog.logged('dead node swept', [{ deadNode: nodeId, connections: 1 }]);
    await watcher.close();
  });
});
