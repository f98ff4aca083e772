/** Preloaded into a node by `--import`: at SIGUSR2 its event loop stands still for BLOCK_MS, with the processor busy. */
const blockMs = Number(process.env['BLOCK_MS']);

process.on('SIGUSR2', () => {
  process.stderr.write('event loop blocked\n');
  const end = performance.now() + blockMs;
  while (performance.now() < end);
  process.stderr.write('event loop free\n');
});
