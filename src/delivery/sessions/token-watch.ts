/** Watches the tokens of connections. A holder is notified when its token is revoked. */
import type { Clock } from '../../clock.ts';
import type { Engine } from '../../engine/port.ts';
import type { Log } from '../../log.ts';
import type { ChannelRegistry } from '../channel-registry.ts';
import { SessionChannel, type TokenHolder } from './channel.ts';
import { type Doubts, userKey } from './doubts.ts';

export interface TokenWatch {
  /** Tells a holder once the bearer's current token is revoked, or at once if it was already; `forgetTokens` stops that. */
  watchTokens(holder: TokenHolder): Promise<void>;
  forgetTokens(holder: TokenHolder): void;
  /** The holder has another token, which may be revoked already. */
  lookAgain(holder: TokenHolder): void;
}

export interface TokenWatchContext {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
  readonly doubts: Doubts;
}

export function createTokenWatch(
  sessions: ChannelRegistry<SessionChannel>,
  { engine, clock, log, doubts }: TokenWatchContext,
): TokenWatch {
  return {
    async watchTokens(holder) {
      const { viewer } = holder.bearer;
      const key = userKey(viewer);
      const channel = await sessions.acquire(
        key,
        () => new SessionChannel(engine, clock, log, viewer, (isInDoubt) => doubts.set(key, isInDoubt)),
      );
      if (!channel) return;
      channel.watch(holder);
      // The token may have ended between its check and the joining of the bus.
      await channel.read();
    },

    forgetTokens(holder) {
      const key = userKey(holder.bearer.viewer);
      const channel = sessions.find(key);
      if (!channel) return;
      channel.forget(holder);
      sessions.release(key, channel);
    },

    lookAgain(holder) {
      void sessions.find(userKey(holder.bearer.viewer))?.read();
    },
  };
}
