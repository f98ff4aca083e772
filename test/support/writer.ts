/** Appends messages to a data folder until it is killed, and prints each id once it is acknowledged. */
import { systemClock } from '../../src/clock.ts';
import { openEmbeddedEngine } from '../../src/engine/embedded/engine.ts';
import { alice, createGroup, tenant, text } from './world.ts';

/** Waits while the reader of the pipe is slow: a synchronous write would fail with EAGAIN. */
const print = (line: string): Promise<void> =>
  new Promise((resolve) => process.stdout.write(`${line}\n`, () => resolve()));

const engine = openEmbeddedEngine({ dataDir: process.argv[2] ?? '', retention: null, clock: systemClock });
const id = await createGroup(engine, alice);
await print(id);
for (let n = 0; ; n += 1) {
  const append = await engine.appendMessage(tenant, text(id, alice, `${n}`));
  if ('message' in append) await print(append.message.id);
}
