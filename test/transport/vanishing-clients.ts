/**
 * A program: a service whose clients lose their network, which is that of this process. Prints what it sees of them.
 */
import { execFileSync } from 'node:child_process';
import type { TenantId, UserId } from '../../src/model.ts';
import { eventually } from '../support/eventually.ts';
import { openStream } from '../support/http-stream.ts';
import { startTestService } from '../support/service.ts';

const service = await startTestService({
  env: { CLIENT_TIMEOUT: '2s', HEARTBEAT_INTERVAL: '1s', STREAM_HEARTBEAT: '500ms', PRESENCE_GRACE: '0ms' },
});
const token = await service.token('ann');
const body = { query: 'subscription { messageReceived { id } }' };
for (const accept of ['text/event-stream', 'multipart/mixed;subscriptionSpec=1.0'])
  await openStream(service, token, body, { accept });
const [tenant, users] = ['default' as TenantId, ['ann' as UserId]];
const presence = async () => {
  const [record] = await service.service.engine.readPresence(tenant, users);
  if (!record) throw new Error('There is no presence of a user.');
  return record;
};
const { status, devices } = await presence();
process.stdout.write(`${[status, ...devices.map(({ connectionType }) => connectionType)].join(' ')}\n`);
execFileSync('ip', ['link', 'set', 'lo', 'down']);
await eventually(async () => {
  if ((await presence()).status !== 'OFFLINE') throw new Error('Still there.');
});
process.stdout.write(`OFFLINE ${(await presence()).devices.length}\n`);
await service.close();
// The client's half knows nothing of it.
process.exit();
