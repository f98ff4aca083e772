/** Merges the metrics of several processes. */
import { AggregatorRegistry, type Registry } from 'prom-client';

/** The metrics of one process as plain data. */
export type Figures = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

const isCounted = ({ type }: Figures[number]): boolean => ['counter', 'histogram'].includes(String(type));

/** The metrics that never decrease while a process lives. */
export const countersOf = (figures: Figures): Figures => figures.filter(isCounted);

/** Merges them into those of one process. */
export const addTogether = (all: readonly Figures[]): Figures =>
  // What `aggregate` registers has its values beside the function that the type declares, which no message can contain.
  (AggregatorRegistry.aggregate([...all]).getMetricsAsArray() as Figures).map(
    ({ name, help, type, aggregator, values }) => ({ name, help, type, aggregator, values }) as Figures[number],
  );

/** Renders them as one text: sums, unless a metric says otherwise. */
export const renderTogether = (all: readonly Figures[]): Promise<string> =>
  AggregatorRegistry.aggregate([...all]).metrics();
