/** The heap and the CPU time of another process, read through Node's inspector. It is started with `INSPECTED`. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { Program } from './process.ts';

export const INSPECTED = '--inspect=127.0.0.1:0';

export interface Heap {
  /** Bytes in use once garbage is collected. */
  used(): Promise<number>;
  /** How many objects there are of a prototype, an expression, once garbage is collected. */
  count(prototype: string): Promise<number>;
  /** What the process has computed so far. */
  cpuMs(): Promise<number>;
  close(): void;
}

/** What the methods used here answer. */
interface Answer {
  readonly usedSize?: number;
  readonly result?: { readonly value: number; readonly objectId?: string };
  readonly objects?: { readonly objectId: string };
}

export async function inspectHeap(program: Program): Promise<Heap> {
  const [url = ''] = /ws:\/\/127\.0\.0\.1:\d+\/[\w-]+/.exec(program.output) ?? [];
  const socket = new WebSocket(url);
  await once(socket, 'open');
  let calls = 0;
  async function call(method: string, params: object = {}): Promise<Answer> {
    calls += 1;
    const id = calls;
    socket.send(JSON.stringify({ id, method, params }));
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer];
      const answer = JSON.parse(data.toString());
      if (answer.id === id) return answer.result;
    }
  }
  return {
    async used() {
      // What a first collection finalises, a second takes.
      for (let n = 0; n < 2; n += 1) await call('HeapProfiler.collectGarbage');
      return (await call('Runtime.getHeapUsage')).usedSize ?? Number.NaN;
    },
    async count(prototype) {
      const objectGroup = 'count';
      const { result } = await call('Runtime.evaluate', { expression: prototype, objectGroup });
      const found = await call('Runtime.queryObjects', { prototypeObjectId: result?.objectId, objectGroup });
      const length = await call('Runtime.callFunctionOn', {
        objectId: found.objects?.objectId,
        functionDeclaration: 'function () { return this.length; }',
        returnByValue: true,
      });
      await call('Runtime.releaseObjectGroup', { objectGroup });
      return length.result?.value ?? Number.NaN;
    },
    async cpuMs() {
      const expression = 'Object.values(process.cpuUsage()).reduce((user, system) => user + system) / 1_000';
      return (await call('Runtime.evaluate', { expression, returnByValue: true })).result?.value ?? Number.NaN;
    },
    close: () => socket.terminate(),
  };
}
