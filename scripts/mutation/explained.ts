/** Mutants that change nothing that a test could observe, each with its reason. A change of the code makes an entry stale. */
import type { Mutant } from './sandbox.ts';

interface Explained {
  readonly file: string;
  readonly original: string;
  readonly replacement: string;
  readonly because: string;
}

const EXPLAINED: readonly Explained[] = [
  {
    file: 'src/access/keys.ts',
    original: 'false',
    replacement: 'true',
    because: 'A key that may be exported is not exported anywhere.',
  },
  {
    file: 'src/access/tokens.ts',
    original: 'clock.elapsed() < earlier.until',
    replacement: 'clock.elapsed() <= earlier.until',
    because: 'A verified token is verified again a fraction of a millisecond later.',
  },
];

const short = (code: string): string => code.replaceAll(/\s+/g, ' ');

export const explanationOf = ({ file, original, replacement }: Mutant): string | undefined =>
  EXPLAINED.find(
    (each) => each.file === file && each.original === short(original) && each.replacement === short(replacement),
  )?.because;
