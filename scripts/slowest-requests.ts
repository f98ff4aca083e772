/**
 * npm run slowest: the requests that block the event loop longest, without a token and of a user within the rates.
 *
 * Another process sends each request alone, several times, to a service in this process. The event loop of this process
 * turns without pauses. The figure is the CPU time of the longest turn, so that a busy machine changes little. Beside it is
 * the time of a fixed piece of work on the same machine.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startTestService, type TestService } from '../test/support/service.ts';
import { prepare, type Request, requestsOf } from './slowest-requests/requests.ts';

const ROUNDS = 5;
const SHOWN = 10;

/** CPU time of this thread, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

/** Runs `work` while the event loop turns; the CPU time of its longest turn. */
async function longestTurnMs(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  let before = cpuMs();
  while (!isOver) {
    await new Promise((resolve) => void setImmediate(resolve));
    const now = cpuMs();
    longest = Math.max(longest, now - before);
    before = now;
  }
  await over;
  return longest;
}

function calibrate(): number {
  const text = JSON.stringify(Array.from({ length: 100_000 }, (_, n) => ({ n })));
  const before = cpuMs();
  createHash('sha256')
    .update(JSON.stringify(JSON.parse(text)))
    .digest();
  return cpuMs() - before;
}

async function main(): Promise<void> {
  const service: TestService = await startTestService({ env: { RATE_LIMIT_ENABLED: 'false' } });
  await prepare(service);
  const client = fork(fileURLToPath(new URL('./slowest-requests/client.ts', import.meta.url)), {
    execArgv: ['--no-warnings'],
  });
  await once(client, 'message');
  const send = async (request: Request): Promise<string> => {
    client.send({ ...request, url: service.url });
    const [answer] = (await once(client, 'message')) as [string];
    return answer;
  };
  const rows: { readonly name: string; readonly ms: number; readonly answer: string }[] = [];
  const calibrations: number[] = [];
  for (const request of await requestsOf(service)) {
    const turns: number[] = [];
    let answer = '';
    for (let round = 0; round < ROUNDS; round += 1) {
      const asking = send(request).then((text) => {
        answer = text;
      });
      turns.push(await longestTurnMs(asking));
      calibrations.push(calibrate());
    }
    // The minimum: other processes of the machine only add time.
    rows.push({ name: request.name, ms: Math.min(...turns), answer });
  }
  client.disconnect();
  await service.close();
  rows.sort((one, other) => other.ms - one.ms);
  const calibration = calibrations.sort((one, other) => one - other)[Math.floor(calibrations.length / 2)] ?? 0;
  const lines = rows.slice(0, process.argv.includes('--all') ? rows.length : SHOWN);
  for (const { name, ms, answer } of lines)
    process.stdout.write(`${ms.toFixed(1).padStart(7)} ms  ${name} (${answer})\n`);
  process.stdout.write(
    `${calibration.toFixed(1).padStart(7)} ms  calibration: 100,000 objects parsed, written and hashed\n`,
  );
}

await main();
