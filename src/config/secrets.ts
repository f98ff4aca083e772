/** Secrets from files, as Docker and Kubernetes mount them: `NAME_FILE` names the file with the value of `NAME`. */
import { readFileSync } from 'node:fs';
import { file, variable } from './values.ts';

const SECRETS = [
  'JWT_SECRET',
  'JWT_ISSUERS',
  'GATEWAY_SECRET',
  'GATEWAY_REGISTRATION_TOKEN',
  'REDIS_URL',
  'REDIS_SENTINEL_PASSWORD',
] as const;
type FileVariable = `${(typeof SECRETS)[number]}_FILE`;

const fileVariable = (name: string) => variable(`file that contains \`${name}\``, 'a file', null, file);

export const SECRET_FILE_VARIABLES = Object.fromEntries(
  SECRETS.map((name) => [`${name}_FILE`, fileVariable(name)]),
) as Record<FileVariable, ReturnType<typeof fileVariable>>;

export type Environment = Readonly<Record<string, string | undefined>>;

function readSecret(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    // The fault is reported under the variable that names the file.
    return undefined;
  }
}

/** The environment with the secrets read from files. White space at the end of a file is not part of the secret. */
export function withSecretFiles(environment: Environment, faults: string[]): Environment {
  const found: Record<string, string | undefined> = { ...environment };
  for (const name of SECRETS) {
    const path = environment[`${name}_FILE`];
    if (!path) continue;
    if (environment[name]) faults.push(`${name}_FILE: takes a file only where ${name} is not set.`);
    else found[name] = readSecret(path);
  }
  return found;
}
