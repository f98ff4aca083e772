/** What some work costs: time, this process, and Redis, of which both the calls it was sent and the commands it ran are counted. */
import { Redis } from 'ioredis';

/** Each of one time that the work was done. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  /** The longest turn of the event loop, by CPU time, so that a busy machine changes little. */
  readonly turnMs: number;
  /** Null without a Redis. */
  readonly redis: RedisCost | null;
}

interface RedisCost {
  /** What this process sent. */
  readonly calls: number;
  /** What Redis ran, commands within scripts as well. */
  readonly commands: number;
  readonly cpuMs: number;
}

/** Of the measurement itself. */
const OWN = new Set(['info', 'config', 'hello', 'client']);

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

const numberIn = (text: string, name: string): number => Number(new RegExp(`^${name}:(.+)$`, 'm').exec(text)?.[1] ?? 0);

let sent = 0;
const { sendCommand } = Redis.prototype;
Redis.prototype.sendCommand = function (command, stream) {
  sent += 1;
  return sendCommand.call(this, command, stream);
};

/** Does the work and times it; `turnMs` of all turns until it is over. */
async function timed(work: () => Promise<unknown>): Promise<Omit<Cost, 'redis'>> {
  const [start, startCpu] = [performance.now(), cpuMs()];
  let isOver = false;
  const over = work().finally(() => {
    isOver = true;
  });
  let turnMs = 0;
  for (let before = cpuMs(); !isOver; ) {
    await new Promise((resolve) => void setImmediate(resolve));
    const now = cpuMs();
    turnMs = Math.max(turnMs, now - before);
    before = now;
  }
  await over;
  return { ms: performance.now() - start, cpuMs: cpuMs() - startCpu, turnMs };
}

export class Costs {
  readonly #admin: Redis | null;

  constructor(url: string | null) {
    this.#admin = url === null ? null : new Redis(url);
  }

  /** Of work done so many times, one after the other: the median time, and the mean of all that is counted. `settleMs`: what follows within it counts. */
  async of(times: number, work: () => Promise<unknown>, settleMs = 0): Promise<Cost> {
    const before = await this.#look();
    const [sentBefore, startCpu] = [sent, cpuMs()];
    const all: Omit<Cost, 'redis'>[] = [];
    for (let n = 0; n < times; n += 1) all.push(await timed(work));
    if (settleMs > 0) await new Promise((resolve) => setTimeout(resolve, settleMs));
    const [calls, cpu] = [sent - sentBefore, cpuMs() - startCpu];
    const after = await this.#look();
    const middle = all.toSorted((a, b) => a.ms - b.ms)[times >> 1] as Omit<Cost, 'redis'>;
    const redis = before &&
      after && {
        calls: calls / times,
        commands: (after.commands - before.commands) / times,
        cpuMs: (after.cpuMs - before.cpuMs) / times,
      };
    return { ms: middle.ms, cpuMs: cpu / times, turnMs: middle.turnMs, redis };
  }

  close(): void {
    this.#admin?.disconnect();
  }

  async #look(): Promise<Pick<RedisCost, 'commands' | 'cpuMs'> | null> {
    if (!this.#admin) return null;
    const [cpu, stats] = [await this.#admin.info('cpu'), await this.#admin.info('commandstats')];
    const calls = [...stats.matchAll(/^cmdstat_([^:|]+)[^:]*:calls=(\d+)/gm)].filter(([, name = '']) => !OWN.has(name));
    const commands = calls.reduce((sum, [, , count]) => sum + Number(count), 0);
    return { commands, cpuMs: 1_000 * (numberIn(cpu, 'used_cpu_user') + numberIn(cpu, 'used_cpu_sys')) };
  }
}
