/** Appends messages to a data folder until it is killed, and prints each id once it is acknowledged. */
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { alice, createGroup, tenant, text } from './world.ts';

const engine = openEmbeddedEngine({ dataDir: process.argv[2] ?? '', retention: null, clock: systemClock });
const id = await createGroup(engine, alice);
writeSync(1, `${id}\n`);
for (let n = 0; ; n += 1) {
  const append = await engine.appendMessage(tenant, text(id, alice, `${n}`));
  if ('message' in append) writeSync(1, `${append.message.id}\n`);
}
