/** The single client of this page, and the token with which it signs in. */
import { createRealtime, type Realtime } from 'realtime-communication-client';
import { indexedDbStorage } from 'realtime-communication-client/storage';

const URL_OF_SERVICE =
  new URLSearchParams(location.search).get('url') ??
  (import.meta.env['VITE_REALTIME_URL'] as string | undefined) ??
  'http://localhost:8081/graphql';
/** The tab keeps the pasted token over a reload. Your app would ask its own back end for a token instead. */
const KEY = 'token';

let made: Realtime | null = null;

const make = (): Realtime =>
  createRealtime({
    url: URL_OF_SERVICE,
    getToken: () => sessionStorage.getItem(KEY),
    storage: indexedDbStorage(),
  });

/** The client for the stored token, the same at each call; null: there is no token. */
export function start(): Realtime | null {
  if (sessionStorage.getItem(KEY) !== null) made ??= make();
  return made;
}

export function signIn(token: string): Realtime {
  sessionStorage.setItem(KEY, token);
  made ??= make();
  return made;
}

export async function signOut(chat: Realtime): Promise<void> {
  sessionStorage.removeItem(KEY);
  made = null;
  await chat.signOut();
  chat.close();
}
