/** The search name of a room, which orders the list: in lower case, and short enough for a cursor. */
import { LIMITS } from '../../limits.ts';

export const roomName = (name: string | null): string =>
  [...(name ?? '').toLowerCase()].slice(0, LIMITS.roomNameCharacters).join('');
