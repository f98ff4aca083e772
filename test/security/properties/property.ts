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

/** One random history. */
export interface HistoryWorld {
  begin(): Promise<void>;
  step(): Promise<void>;
  end(): Promise<void>;
}

/** Plays random histories of `steps` steps, each in a new world with a seed of its own, until the time is over. */
export async function playHistories(
  open: (seed: number) => HistoryWorld,
  steps: number,
  { seed, untilMs }: PropertyRun,
): Promise<void> {
  for (let round = 0; round === 0 || Date.now() < untilMs; round += 1) {
    const world = open(seed + round);
    try {
      await world.begin();
      for (let step = 0; step < steps; step += 1) await world.step();
    } catch (error) {
      throw new Error(`seed ${seed + round}: ${(error as Error).message}`, { cause: error });
    } finally {
      await world.end();
    }
  }
}
