/** A user who left goes OFFLINE, whichever answers of the engine failed meanwhile (G11). */
import { setImmediate as turn } from 'node:timers/promises';
import { createPresence, type Presence } from '../../src/domain/presence.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import type { Engine } from '../../src/engine/port.ts';
import { unavailable } from '../../src/errors.ts';
import { TIMES } from '../../src/limits.ts';
import type { Meter } from '../../src/model.ts';
import { TestClock } from '../support/test-clock.ts';
import { type UnsteadyEngine, unsteady } from '../support/unsteady-engine.ts';
import { alice, connectionId, deviceId, silentLog, tenant, viewerOf } from '../support/world.ts';

const GRACE_MS = 5_000;
const viewer = viewerOf(alice);
const PHONE = {
  connectionId: connectionId('one'),
  deviceId: deviceId('phone'),
  connectionType: 'SSE',
  sessionId: null,
} as const;
/** Nothing is too often here. */
const meter = { signal: ({ apply }: { apply: () => unknown }) => apply() } as unknown as Meter;

describe('departures', () => {
  let clock: TestClock;
  let steady: Engine;
  let faults: UnsteadyEngine;
  let presence: Presence;
  beforeEach(() => {
    clock = new TestClock();
    steady = openEmbeddedEngine({ dataDir: ':memory:', retention: null, clock });
    faults = unsteady(steady);
    presence = createPresence(faults.engine, clock, silentLog, GRACE_MS);
  });
  afterEach(() => steady.close());

  const status = async (): Promise<string | undefined> => (await steady.readPresence(tenant, [alice]))[0]?.status;
  /** The engine is in this process: what it was asked is done in a few turns, and no real time may pass for it. */
  const isGone = async (): Promise<void> => {
    for (let n = 0; n < 10; n += 1) await turn();
    expect(await status()).toBe('OFFLINE');
  };

  it('are recorded later when the engine failed', async () => {
    await presence.arrive(viewer, PHONE);
    presence.depart(viewer, PHONE.connectionId);
    faults.fail(2);
    clock.advance(GRACE_MS - 1);
    expect(await status()).toBe('ONLINE');
    clock.advance(1);
    for (let n = 0; n < 2; n += 1) {
      await turn();
      expect(await status()).toBe('ONLINE');
      clock.advance(TIMES.nodeRenewMs);
    }
    await isGone();
  });

  it('follow an arrival with an unknown outcome', async () => {
    const lossy = new Proxy(steady, {
      get: (target, name, receiver) =>
        name === 'connect'
          ? async (...args: Parameters<Engine['connect']>) => {
              await target.connect(...args);
              throw unavailable(new Error('the answer is lost'));
            }
          : Reflect.get(target, name, receiver),
    });
    await expect(createPresence(lossy, clock, silentLog, GRACE_MS).arrive(viewer, PHONE)).rejects.toThrow();
    await isGone();
  });

  it('end each visit of a user who set a status without a connection', async () => {
    expect(await presence.set(viewer, meter, 'BUSY', null)).toMatchObject({ status: 'BUSY' });
    clock.advance(TIMES.visitMs / 2);
    await presence.set(viewer, meter, 'AWAY', null);
    clock.advance(TIMES.visitMs / 2);
    expect(await status()).toBe('AWAY');
    clock.advance(TIMES.visitMs / 2);
    await isGone();
  });

  it('end a visit that a connection replaced', async () => {
    await presence.set(viewer, meter, 'BUSY', null);
    await presence.arrive(viewer, PHONE);
    presence.depart(viewer, PHONE.connectionId);
    clock.advance(GRACE_MS);
    await isGone();
  });
});
