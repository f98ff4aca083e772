/** Merges the metrics of several processes. */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** The metrics of one process as plain data. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const isCounted = ({ type }: Figures[number]): boolean => ['counter', 'histogram'].includes(String(type));

/** The metrics that never decrease while a process lives. */
export const countersOf = (figures: Figures): Figures => figures.filter(isCounted);

/** Merges the metrics of several processes into those of one. */
export const addTogether = (all: readonly Figures[]): Figures =>
  // `aggregate` returns values beside the function that the type declares. No message between processes can contain a function.
  (AggregatorRegistry.aggregate([...all]).getMetricsAsArray() as Figures).map(
    ({ name, help, type, aggregator, values }) => ({ name, help, type, aggregator, values }) as Figures[number],
  );

/** Renders the metrics of several processes as one text: sums, unless a metric has another aggregator. */
export const renderTogether = (all: readonly Figures[]): Promise<string> =>
  AggregatorRegistry.aggregate([...all]).metrics();
