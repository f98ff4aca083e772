/** Ids of events of the embedded engine. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmbeddedBus } from '../../src/engine/embedded/bus.ts';
import { openDatabase } from '../../src/engine/embedded/database.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { createNumbers } from '../../src/engine/embedded/event-numbers.ts';
import type { Engine } from '../../src/engine/port.ts';
import type { EventRecord } from '../../src/engine/shared/consumer.ts';
import { LIMITS, TIMES } from '../../src/limits.ts';
import type { TenantId } from '../../src/model.ts';
import { name, ofEverything, publication, pullOf } from '../contract/consumer-calls.ts';
import { StillClock } from '../support/still-clock.ts';

const OWN = 'own' as TenantId;
const OTHERS = 'others' as TenantId;

describe('numbers of events', () => {
  let dataDir: string;
  let clock: StillClock;
  let engine: Engine;
  const open = (): Engine => openEmbeddedEngine({ dataDir, retention: null, clock });
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'events-'));
    clock = new StillClock();
    engine = open();
    for (const tenant of [OWN, OTHERS]) await engine.saveConsumer(tenant, { name, ...ofEverything }, 'NOW');
  });
  afterEach(async () => {
    await engine.close();
    rmSync(dataDir, { recursive: true });
  });

  async function publish(tenant: TenantId, count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) await engine.publish(tenant, publication('news', n));
  }
  async function pull(): Promise<readonly EventRecord[]> {
    const pulled = await engine.pullEvents(OWN, name, pullOf('one'));
    if (!pulled) throw new Error('There is no such consumer.');
    return pulled.events;
  }
  const numberOf = (id: string): number => Number(id.split('-')[1]);

  it('reveal the time of an event, and not the number of other tenants’ events', async () => {
    const began = clock.now();
    await publish(OWN, 1);
    const first = clock.now();
    await publish(OTHERS, 200);
    await publish(OWN, 1);
    const last = clock.now();
    const [one = 0, other = 0, ...more] = (await pull()).map(({ id }) => Math.floor(numberOf(id) / 1_000));
    expect(more).toEqual([]);
    // The first follows none: it is within a millisecond of its publishing.
    expect(began <= one && one <= first).toBe(true);
    // Two hundred that come at once are a fifth of a millisecond ahead of the clock at most.
    expect(first <= other && other <= last + 1).toBe(true);
  });

  it('of one millisecond are in it, at random places', async () => {
    const now = clock.now();
    const standing = Object.assign(new StillClock(), { now: () => now });
    const database = openDatabase(
      ':memory:',
      createEmbeddedBus(standing, () => ''),
    );
    const numbers = Array.from({ length: 50 }, () => createNumbers(database, 'events', standing)());
    expect([...new Set(numbers.map((number) => Math.floor(number / 1_000)))]).toEqual([now]);
    expect(new Set(numbers).size).toBeGreaterThan(10);
    await database.close();
  });

  it('grow also when the clock goes back, and after a restart', async () => {
    await publish(OWN, 2);
    clock.jump(-60_000);
    await publish(OWN, 2);
    await engine.close();
    engine = open();
    await publish(OWN, 2);
    const numbers = (await pull()).map(({ id }) => numberOf(id));
    expect(numbers).toHaveLength(6);
    expect(numbers).toEqual([...new Set(numbers)].sort((one, other) => one - other));
  });

  it('sort keys of dead letters grow also when the clock goes back, and after a restart', async () => {
    await publish(OWN, 1);
    for (let attempt = 0; attempt <= LIMITS.eventAttempts; attempt += 1) {
      await pull();
      clock.advance(TIMES.eventAckMs);
    }
    const [letter] = await engine.listDeadLetters(OWN, name, null, 10);
    expect(Math.abs(Number(letter?.key) / 1_000 - clock.now())).toBeLessThan(TIMES.eventAckMs * 2);
    expect(await engine.listDeadLetters(OWN, name, letter?.key ?? null, 10)).toEqual([]);
  });
});
