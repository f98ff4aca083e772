/**
 * Preloaded into a node by `--import`: at SIGUSR2 its clock jumps by CLOCK_JUMP_MS, at the next one it is right again.
 *
 * As when the clock of a machine is set: dates jump, timers and `performance.now` do not.
 */
const jumpMs = Number(process.env['CLOCK_JUMP_MS']);
const realNow = Date.now;
let offsetMs = 0;
const now = (): number => realNow() + offsetMs;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) => Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
});

process.on('SIGUSR2', () => {
  offsetMs = offsetMs === 0 ? jumpMs : 0;
  process.stderr.write(`clock off by ${offsetMs} ms\n`);
});
