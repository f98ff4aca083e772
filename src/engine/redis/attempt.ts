/** Helpers for commands of this folder: nonces, and the conversion of errors. */
import { randomUUID } from 'node:crypto';
import { unavailable } from '../../errors.ts';

/** The nonce of a new message, and of a new epoch if the script needs one. 62 random bits. */
export const nonce = (): string => randomUUID().slice(19).replace('-', '');

/** Starts work that is awaited later, where a failure is reported. */
export function begun<Result>(work: Promise<Result>): Promise<Result> {
  work.catch(() => undefined);
  return work;
}

/** Runs plain commands with the error handling of scripts. */
export async function attempt<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}
