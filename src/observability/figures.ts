/** Figures of several processes as one. */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** What one process counts: plain data. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** One text of them: sums, unless a figure says otherwise. */
export const renderTogether = (all: readonly Figures[]): Promise<string> =>
  AggregatorRegistry.aggregate([...all]).metrics();
