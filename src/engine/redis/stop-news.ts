/**
 * Announces to a back end that it should stop a message that it writes for a user. A back end that is no member receives
 * nothing else of the conversation.
 */
import type { Log } from '../../log.ts';
import type { MessageRecord, TenantId } from '../../model.ts';
import type { Announcement } from '../port.ts';
import type { Keys } from './keys.ts';

/** Never rejects: the next append says it as well. */
export type TellStop = (tenant: TenantId, message: MessageRecord) => Promise<void>;

type Publish = (channel: string, text: string) => Promise<unknown>;

export function createStopNews(publish: Publish, keys: Keys, log: Log): TellStop {
  return async (tenant, message) => {
    if (message.via === undefined) return;
    const stop: Announcement = { type: 'stop', message };
    try {
      await publish(keys.channel({ kind: 'memberships', tenant, id: message.via }), JSON.stringify(stop));
    } catch (error) {
      log.warn({ err: error, tenant }, 'request to stop not announced');
    }
  };
}
