/** By which name a room is found and listed: no longer than a cursor holds, upper and lower case alike. */
import { LIMITS } from '../../limits.ts';

export const roomName = (name: string | null): string =>
  [...(name ?? '').toLowerCase()].slice(0, LIMITS.roomNameCharacters).join('');
