/** The metrics of a service, as Prometheus reads them. */

/**
 * Of a series, `name{label="value"}`, or of all series of a name together. A series of a label is 0 before anything was
 * counted; a metric that the service does not have is an error.
 */
export async function metric(url: string, series: string): Promise<number> {
  const [value = 0] = await metrics(url, [series]);
  return value;
}

/** The metric of a series; a histogram has a series for its sum, and one for its count. */
const metricOf = (series: string): string => series.replace(/\{.*/, '').replace(/_seconds_(?:sum|count)$/, '_seconds');

/** Of several series, at one moment. */
export async function metrics(url: string, series: readonly string[]): Promise<number[]> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const sumOf = (name: string): number =>
    lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  for (const name of series.map(metricOf))
    if (!lines.some((line) => line.startsWith(`# TYPE ${name} `))) throw new Error(`No metric ${name}.`);
  return series.map(sumOf);
}
