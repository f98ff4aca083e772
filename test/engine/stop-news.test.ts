/** A service that writes for a user is told to stop where it hears of it. */
import { createKeys } from '../../src/engine/redis/keys.ts';
import { createStopNews } from '../../src/engine/redis/stop-news.ts';
import type { MessageRecord } from '../../src/model.ts';
import { captureLog } from '../support/log.ts';
import { alice, bob, tenant } from '../support/world.ts';

const keys = createKeys('p', 0);
const message = (via?: typeof bob) => ({ senderId: alice, ...(via && { via }) }) as MessageRecord;

it('a service is told on its own channel; a user who writes for themselves needs no other word', async () => {
  const told: unknown[] = [];
  const tell = createStopNews(
    async (channel, text) => told.push([channel, JSON.parse(text)]),
    keys,
    captureLog('warn').log,
  );
  await tell(tenant, message());
  expect(told).toEqual([]);
  await tell(tenant, message(bob));
  expect(told).toEqual([
    [keys.user(tenant, bob).membershipsChannel, { type: 'stop', message: { senderId: alice, via: bob } }],
  ]);
});

it('a word that cannot be sent is logged, and refused to nobody', async () => {
  const { log, lines } = captureLog('warn');
  await createStopNews(() => Promise.reject(new Error('away')), keys, log)(tenant, message(bob));
  expect(lines()).toHaveLength(1);
});
