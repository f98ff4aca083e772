/** A property of the service that `npm run test:attack` tries over random histories for as long as it is given. */
export interface PropertyRun {
  readonly engine: 'embedded' | 'redis';
  /** Decides everything that is random: a run can be repeated. */
  readonly seed: number;
  /** By `Date.now()`: no history is begun after it. The first always is. */
  readonly untilMs: number;
}

export interface Property {
  readonly name: string;
  /** @throws with the seed and what was found. */
  run(run: PropertyRun): Promise<void>;
}
