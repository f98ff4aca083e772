/** The service in a process of its own, on an engine in memory. */
import { freePort } from './free-port.ts';
import { type Program, startProgram } from './process.ts';
import { SECRET } from './service.ts';

export interface ServiceProcess {
  readonly program: Program;
  readonly port: number;
  /** Host and port. */
  readonly address: string;
  readonly url: string;
}

/** Resolves when it has started. */
export async function startServiceProcess(env: Readonly<Record<string, string>>): Promise<ServiceProcess> {
  const port = await freePort();
  const settings = { HOST: '127.0.0.1', PORT: String(port), DATA_DIR: ':memory:', JWT_SECRET: SECRET, ...env };
  const program = await startProgram('src/main.ts', settings, /service started/);
  return { program, port, address: `127.0.0.1:${port}`, url: `http://127.0.0.1:${port}` };
}
