/** Merges the metrics of several processes. */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** The metrics of one process as plain data. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Renders them as one text: sums, unless a metric says otherwise. */
export const renderTogether = (all: readonly Figures[]): Promise<string> =>
  AggregatorRegistry.aggregate([...all]).metrics();
