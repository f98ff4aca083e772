/** After all files. */
import { once } from 'node:events';

export default async function stopRedis(): Promise<void> {
  for (const way of globalThis.workerRedis?.ways ?? []) await way.close();
  for (const child of globalThis.workerRedis?.processes ?? []) {
    child.stdin?.end();
    if (child.exitCode === null) await once(child, 'exit');
  }
}
