/** The id of this device. */

import { newId } from './host.ts';
import { askOver } from './http.ts';
import type { RealtimeOptions } from './options.ts';
import { SessionSignIn } from './session.ts';
import { type GetToken, type SignIn, TokenSignIn } from './sign-in.ts';
import type { Storage } from './types.ts';
import { TOKEN_WITHIN_MS } from './waits.ts';
import { within } from './within.ts';

/** The same id at each call, and while storage lasts. */
export function deviceIdOf(given: string | undefined, storage: Storage): () => Promise<string> {
  let made: Promise<string> | null = null;
  const make = async (): Promise<string> => {
    const kept = given ?? (await storage.get('device').catch(() => undefined));
    if (typeof kept === 'string') return kept;
    const id = newId();
    await storage.set('device', id).catch(() => undefined);
    return id;
  };
  return () => {
    made ??= make();
    return made;
  };
}

export function signInOf(options: RealtimeOptions, storage: Storage, deviceId: () => Promise<string>): SignIn {
  const { session, tokenWithinMs = TOKEN_WITHIN_MS } = options;
  const getToken: GetToken = (why) => within(tokenWithinMs, (async () => options.getToken(why))());
  if (!session) return new TokenSignIn(getToken);
  const { deviceName } = session as { readonly deviceName?: string };
  return new SessionSignIn({ getToken, storage, ask: askOver(options.url), deviceId, deviceName });
}
