/** Viewers with a scope, and the errors that viewers get, in the tests of the domain. */
import { userId, viewerOf } from '../support/world.ts';

export const admin = viewerOf(userId('root'), { scopes: new Set(['realtime:admin']) });
export const service = viewerOf(userId('crm'), { scopes: new Set(['realtime:service']) });

/** An error with this code and, if one is given, this reason. */
export const code = (name: string, reason?: string) =>
  expect.objectContaining(reason ? { code: name, reason } : { code: name });
