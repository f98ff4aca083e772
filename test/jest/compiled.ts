/**
 * The compiled code of a file, kept for the next test file of this process. A service has 800 files, and Jest loads all
 * of them again, in a new context, for every test file.
 *
 * Only the bytes of V8's code cache are kept. Keeping the code itself would keep the context of every test file, as V8's
 * own cache does.
 */
import { hash } from 'node:crypto';
import vm from 'node:vm';

interface Compiled {
  readonly cachedData?: Buffer;
  readonly cachedDataRejected?: boolean;
}
interface Options {
  readonly filename?: string;
  readonly identifier?: string;
}
type CompileFunction = (code: string, params: readonly string[], options: Options) => Compiled;
/** Types of Node do not know what is behind `--experimental-vm-modules`. */
interface Modules {
  compileFunction: CompileFunction;
  SourceTextModule: new (code: string, options: Options) => { createCachedData(): Buffer };
}

interface Kept {
  /** Of the text: it may be another by the next run of a watching Jest. */
  readonly digest: string;
  readonly data: Buffer;
}

/** What is installed stays as it is. */
const digestOf = (name: string, code: string): string => (name.includes('/node_modules/') ? '' : hash('sha1', code));

export function keepCompiled(): void {
  const modules = vm as unknown as Modules;
  const { compileFunction, SourceTextModule } = modules;
  const functions = new Map<string, Kept>();
  const texts = new Map<string, Kept>();
  const find = (kept: Map<string, Kept>, name: string, code: string): Buffer | undefined => {
    const found = kept.get(name);
    return found?.digest === digestOf(name, code) ? found.data : undefined;
  };
  const keep = (kept: Map<string, Kept>, name: string, code: string, data: Buffer): void =>
    void kept.set(name, { digest: digestOf(name, code), data });

  modules.compileFunction = (code, params, options) => {
    const { filename = '' } = options;
    const cachedData = find(functions, filename, code);
    const compiled = compileFunction(code, params, {
      ...options,
      ...(cachedData ? { cachedData } : { produceCachedData: true }),
    });
    if (!cachedData && compiled.cachedData) keep(functions, filename, code, compiled.cachedData);
    return compiled;
  };

  modules.SourceTextModule = class extends SourceTextModule {
    constructor(code: string, options: Options) {
      const { identifier = '' } = options;
      const cachedData = find(texts, identifier, code);
      super(code, { ...options, ...(cachedData ? { cachedData } : {}) });
      if (!cachedData) keep(texts, identifier, code, this.createCachedData());
    }
  };
}
