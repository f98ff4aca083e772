/** Tokens for the users of a trial. */
import { signToken } from '../../src/access/tokens.ts';
import { SECRET } from './programs.ts';

export const token = (userId: string, seconds = 3_600): Promise<string> => {
  const now = Math.floor(Date.now() / 1_000);
  return signToken({ secret: SECRET, userId, issuedAt: now - 3_600, expiresAt: now + seconds });
};
