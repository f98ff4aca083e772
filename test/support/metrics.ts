/** The metrics of a service, as Prometheus reads them. */

/** Of a series, `name{label="value"}`, or of all series of a name together; 0 before anything was counted. */
export async function metric(url: string, series: string): Promise<number> {
  const [value = 0] = await metrics(url, [series]);
  return value;
}

/** Of several series, at one moment. */
export async function metrics(url: string, series: readonly string[]): Promise<number[]> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n');
  const sumOf = (name: string): number =>
    lines
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  return series.map(sumOf);
}
