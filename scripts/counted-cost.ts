/** The cost of some work: time, CPU of this process, and Redis, with the calls sent to it and the commands that it ran. */
import { Redis } from 'ioredis';

/** The cost of doing the work once. */
export interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  /** The longest turn of the event loop, by CPU time, so that a busy machine changes little. */
  readonly turnMs: number;
  /** Null without a Redis. */
  readonly redis: RedisCost | null;
}

interface RedisCost {
  /** Calls that this process sent. */
  readonly calls: number;
  /** Commands that Redis ran, including those within scripts. */
  readonly commands: number;
  readonly cpuMs: number;
}

/** Commands of the measurement itself, which are not counted. */
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

/** Does the work and times it. `turnMs` is the longest turn until the work is over. */
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

  /** Does the work several times, one after the other. Returns the median time, and the mean of all counts. Counts also what follows within `settleMs`. */
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
