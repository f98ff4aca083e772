/** Tokens for the users of this service and of Centrifugo. The other peers need none. */
import { signToken } from '../src/access/tokens.ts';
import { SECRET } from './peers/secret.ts';

const HOUR_S = 3_600;
const signed = new Map<string, Promise<string>>();

function tokenOf(userId: string): Promise<string> {
  const known = signed.get(userId);
  if (known) return known;
  const token = signToken({ secret: SECRET, userId, expiresAt: Math.floor(Date.now() / 1_000) + HOUR_S });
  signed.set(userId, token);
  return token;
}

export const signTokens = (users: readonly string[]): Promise<string[]> => Promise.all(users.map(tokenOf));
