/** Mutants that change nothing that a test could observe, each with its reason. A change of the code makes an entry stale. */
import type { Mutant } from './sandbox.ts';

interface Explained {
  readonly file: string;
  /** The line of code in which it begins. */
  readonly code: string;
  readonly original: string;
  readonly replacement: string;
  readonly because: string;
}

const EXPLAINED: readonly Explained[] = [
  {
    file: 'src/access/keys.ts',
    code: "return subtle.importKey('raw', secret, { name: 'HMAC', hash }, false, ['verify']);",
    original: 'false',
    replacement: 'true',
    because: 'A key that may be exported is not exported anywhere.',
  },
  {
    file: 'src/access/tokens.ts',
    code: 'if (earlier && clock.now() < earlier.expiry && clock.elapsed() < earlier.until) return earlier.verification;',
    original: 'clock.elapsed() < earlier.until',
    replacement: 'clock.elapsed() <= earlier.until',
    because: 'A verified token is verified again a fraction of a millisecond later.',
  },
  {
    file: 'src/access/tokens.ts',
    code: 'expected: { issuer: SESSION_ISSUER },',
    original: '{ issuer: SESSION_ISSUER }',
    replacement: '{}',
    because: 'Only tokens of this issuer are tried with the keys of sessions.',
  },
];

const short = (code: string): string => code.replaceAll(/\s+/g, ' ');

export const explanationOf = ({ file, code, original, replacement }: Mutant): string | undefined =>
  EXPLAINED.find(
    (each) =>
      each.file === file &&
      each.code === code &&
      each.original === short(original) &&
      each.replacement === short(replacement),
  )?.because;
