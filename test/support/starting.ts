/** A service whose start may wait, and its answers and log meanwhile. */
import { readConfig } from '../../src/config.ts';
import { type Service, startService } from '../../src/service.ts';
import { captureLog } from './log.ts';
import { SECRET } from './service.ts';
import { TestClock } from './test-clock.ts';

export interface Starting {
  readonly url: string;
  readonly started: Promise<Service>;
  /** What it has warned of by now, each line's message. */
  said(): string[];
  /** How often it has looked at its Redis by now. */
  looks(): number;
  /** Gives the start up, or closes what has started. */
  end(): Promise<void>;
}

const WARN = 40;

/** Answers when the port listens. */
export async function beginService(env: Readonly<Record<string, string>>): Promise<Starting> {
  const { log, lines } = captureLog('debug');
  const abandoning = new AbortController();
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', JWT_SECRET: SECRET, DRAIN_WINDOW: '0ms', ...env });
  let started: Promise<Service> | undefined;
  const port = await new Promise<number>((listening, reject) => {
    const parts = { clock: new TestClock(), abandon: abandoning.signal, listening };
    started = startService(config, log, parts);
    started.catch(reject);
  });
  const starting = started as Promise<Service>;
  return {
    url: `http://127.0.0.1:${port}`,
    started: starting,
    said: () => lines().flatMap(({ level, msg }) => (level >= WARN ? [msg] : [])),
    looks: () => lines().filter(({ msg }) => msg === 'looked at redis').length,
    async end() {
      abandoning.abort();
      await starting.then(
        (service) => service.close(),
        () => undefined,
      );
    },
  };
}
