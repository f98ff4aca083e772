import { eventually } from '../support/eventually.ts';
import { callbackEndpoint, PLAYS, type Played, type Told } from '../support/played-routers.ts';
import { type Data, newId, startTestService, type TestService } from '../support/service.ts';
import type { MovableClock } from '../support/test-clock.ts';

export const GATEWAY = 'a-secret-of-the-gateway';
export const RECEIVED =
  'subscription ($ids: [ID!], $after: [ID!]) { messageReceived(conversationIds: $ids, after: $after) { content } }';
export const WAYS = Object.entries(PLAYS);

/** Code, reason and whether there is a wait: what a client acts on. */
export const wordsOf = ({ errors }: Told): string[] =>
  errors.map(({ extensions: { code, reason, retryAfterMs } }: Data) =>
    [code, reason, retryAfterMs === undefined ? undefined : 'later'].filter(Boolean).join(' '),
  );

export async function start(
  env: Record<string, string> = {},
  clock?: MovableClock,
): Promise<{ service: TestService; id: string }> {
  const service = await startTestService({
    ...(clock ? { clock } : {}),
    env: { GATEWAY_SECRET: GATEWAY, CALLBACK_ALLOWED_URLS: (await callbackEndpoint()).url, ...env },
  });
  const id = newId();
  await service.query('alice', 'mutation ($id: ID!) { createConversation(input: { id: $id }) { id } }', { id });
  return { service, id };
}

/** Waits for the end, and tells it as `UNAUTHENTICATED EXPIRED, then 4403`. */
export async function endOf(played: Played): Promise<string> {
  await eventually(() => expect(played.told.end).not.toBeNull());
  const { status, end } = played.told;
  const words = wordsOf(played.told);
  const last = status !== null && status !== 200 ? status : end;
  return [...words, `then ${last}`].join(', ');
}

/** How a stream or a socket ends by itself, once all is said. */
export const END: Readonly<Record<string, 'whole' | 'socket'>> = {
  'Cosmo, sse_post': 'whole',
  'Hive Router, http': 'whole',
  callback: 'whole',
};
