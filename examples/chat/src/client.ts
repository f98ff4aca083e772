/** The one client of this page, and the token that it signs in with. */
import { createRealtime, type Realtime } from 'realtime-communication-client';
import { indexedDbStorage } from 'realtime-communication-client/storage';

const URL_OF_SERVICE =
  new URLSearchParams(location.search).get('url') ??
  (import.meta.env['VITE_REALTIME_URL'] as string | undefined) ??
  'http://localhost:8081/graphql';
/** An app of yours asks its own back end for a token instead. A tab keeps the pasted one over a reload. */
const KEY = 'token';

let made: Realtime | null = null;

const make = (): Realtime =>
  createRealtime({
    url: URL_OF_SERVICE,
    getToken: () => sessionStorage.getItem(KEY),
    storage: indexedDbStorage(),
  });

/** The client of a token that was given before; null: there is none. The same at each call. */
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
