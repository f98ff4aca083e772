/**
 * A session that is refreshed over its connection. The clock of the service stands still, so no other way can refresh
 * it.
 */
import { memoryStorage } from '../../client/src/index.ts';
import { eventually } from '../support/eventually.ts';
import { startTestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';
import { clientsOf, live } from './clients.ts';

describe('a session', () => {
  it('is refreshed over its open connection before its token expires', async () => {
    const service = await startTestService({ env: { ACCESS_TOKEN_LIFETIME: '1s' }, clock: new StillClock() });
    const clients = clientsOf(() => service);
    try {
      const storage = memoryStorage();
      await live(clients.of('alice', { session: true, storage }));
      const refreshTokens = new Set<string>();
      await eventually(async () => {
        refreshTokens.add(((await storage.get('session')) as { readonly refreshToken: string }).refreshToken);
        expect(refreshTokens.size).toBeGreaterThan(2);
      });
    } finally {
      clients.close();
      await service.close();
    }
  });
});
