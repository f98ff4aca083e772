import type { Audience } from '../audience.ts';
import type { PeerSpec } from '../catalogue.ts';
import { type Burst, burst, type Pace } from '../pace.ts';
import { Session } from '../session.ts';

const WARM_SECONDS = 3;

/** The same burst twice: the first, shorter one warms up and is not counted. */
export async function warmBurst(peer: PeerSpec, audience: Audience, pace: Pace): Promise<Burst> {
  const session = await Session.open(peer, audience);
  try {
    await session.connect(audience.lists.length);
    await session.prove();
    await session.idle();
    await burst(session, { ...pace, seconds: Math.min(pace.seconds, WARM_SECONDS) });
    return await burst(session, pace);
  } finally {
    await session.close();
  }
}
