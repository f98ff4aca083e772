/**
 * Preloaded into a node by `--import`: at SIGUSR2 its clock jumps an hour ahead, at SIGHUP an hour behind; at the next
 * of them it is right again.
 *
 * As when the clock of a machine is set: dates jump, timers and `performance.now` do not.
 */
const HOUR_MS = 3_600_000;
const realNow = Date.now;
let offsetMs = 0;
const now = (): number => realNow() + offsetMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

function jump(ms: number): void {
  offsetMs = offsetMs === 0 ? ms : 0;
  process.stderr.write(`clock off by ${offsetMs} ms\n`);
}
process.on('SIGUSR2', () => jump(HOUR_MS));
process.on('SIGHUP', () => jump(-HOUR_MS));
