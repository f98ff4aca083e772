/** Helps every file of this folder with commands: names for new things, and one answer to faults. */
import { randomUUID } from 'node:crypto';
import { unavailable } from '../../errors.ts';

/** Names a new epoch, should the script need one, and a new message. 62 random bits. */
export const nonce = (): string => randomUUID().slice(19).replace('-', '');

/** Work that is waited for later: a failure is told there. */
export function begun<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined);
  return work;
}

/** Runs plain commands with the scripts' answer to faults. */
export async function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}
