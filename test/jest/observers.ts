/**
 * What prom-client starts for each service and cannot stop: observers of garbage collection and of the event loop.
 *
 * A process has one service, and they end with it. A test process has hundreds, and Node would keep each of these, and by
 * it all modules of the file, for ever.
 */
import perfHooks from 'node:perf_hooks';

const { PerformanceObserver, monitorEventLoopDelay } = perfHooks;
const running = new Set<() => void>();

class EndingObserver extends PerformanceObserver {
  constructor(callback: ConstructorParameters<typeof PerformanceObserver>[0]) {
    super(callback);
    running.add(() => this.disconnect());
  }
}

export function watchObservers(): void {
  perfHooks.PerformanceObserver = EndingObserver;
  perfHooks.monitorEventLoopDelay = (options) => {
    const histogram = monitorEventLoopDelay(options);
    running.add(() => void histogram.disable());
    return histogram;
  };
}

/** After each test: no test reads what they measure. */
export function endObservers(): void {
  for (const end of running) end();
  running.clear();
}
