/** A session that is refreshed over its connection. The service's clock stands still, so that no token of it ends by itself. */
import { memoryStorage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';
import { clientsOf, live } from './clients.ts';

describe('a session', () => {
  it('is refreshed before its token ends, by the connection that it keeps', async () => {
    const service = await startTestService({ env: { ACCESS_TOKEN_LIFETIME: '1s' }, clock: new StillClock() });
    const clients = clientsOf(() => service);
    try {
      const storage = memoryStorage();
      const chat = await live(clients.of('alice', { session: true, storage }));
      const statuses: string[] = [];
      chat.on('status', (status) => statuses.push(status));
      const refreshTokens = new Set<string>();
      await eventually(async () => {
        refreshTokens.add(((await storage.get('session')) as { readonly refreshToken: string }).refreshToken);
        expect(refreshTokens.size).toBeGreaterThan(2);
      });
      expect(new Set(statuses)).toEqual(new Set(['live']));
    } finally {
      clients.close();
      await service.close();
    }
  });
});
