/** Persistent storage for browsers: it outlives the page, and all tabs share it. */
import type { Storage } from '../types.ts';
import { within } from '../within.ts';

/** The used parts of IndexedDB, so that apps need not have the types of a browser. */
interface IdbRequest<Result> {
  readonly result: Result;
  readonly error: unknown;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}
interface IdbStore {
  get(key: string): IdbRequest<unknown>;
  put(value: unknown, key: string): IdbRequest<unknown>;
  delete(key: string): IdbRequest<unknown>;
  getAll(range: unknown): IdbRequest<unknown[]>;
  getAllKeys(range: unknown): IdbRequest<string[]>;
}
interface IdbTransaction {
  readonly error: unknown;
  objectStore(name: string): IdbStore;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
}
interface IdbDatabase {
  createObjectStore(name: string): void;
  transaction(name: string, mode: string): IdbTransaction;
  close(): void;
  onversionchange: (() => void) | null;
  onclose: (() => void) | null;
}
interface OpenRequest extends IdbRequest<IdbDatabase> {
  onupgradeneeded: (() => void) | null;
}
interface Browser {
  readonly indexedDB?: { open(name: string, version: number): OpenRequest };
  readonly IDBKeyRange?: { bound(from: string, to: string): unknown };
}

const STORE = 'values';
/** Some browsers never answer at times. Until they do, the client works without storage. */
const OPEN_WITHIN_MS = 5_000;
const browser = globalThis as unknown as Browser;

/** `name`: the database; two apps of one origin need two names. */
export function indexedDbStorage(name = 'realtime-communication'): Storage {
  let database: Promise<IdbDatabase> | null = null;

  const open = (): Promise<IdbDatabase> =>
    new Promise((resolve, reject) => {
      const request = browser.indexedDB?.open(name, 1);
      if (!request) return reject(new Error('No IndexedDB here.'));
      request.onupgradeneeded = () => request.result.createObjectStore(STORE);
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const forget = (): void => {
          database = null;
        };
        request.result.onclose = forget;
        request.result.onversionchange = () => {
          request.result.close();
          forget();
        };
        resolve(request.result);
      };
    });

  function opened(): Promise<IdbDatabase> {
    const opening = open();
    opening.then(
      () => {
        database = opening;
      },
      () => {
        database = null;
      },
    );
    return within(OPEN_WITHIN_MS, opening);
  }

  /** Resolves once it is stored. */
  async function run<Result>(mode: 'readonly' | 'readwrite', use: (store: IdbStore) => () => Result): Promise<Result> {
    database ??= opened();
    const transaction = (await database).transaction(STORE, mode);
    return new Promise((resolve, reject) => {
      const result = use(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(result());
      transaction.onabort = () => reject(transaction.error);
    });
  }

  return {
    get: (key) =>
      run('readonly', (store) => {
        const found = store.get(key);
        return () => found.result;
      }),
    set: (key, value) => run('readwrite', (store) => nothing(store.put(value, key))),
    delete: (key) => run('readwrite', (store) => nothing(store.delete(key))),
    list: (prefix) =>
      run('readonly', (store) => {
        const range = browser.IDBKeyRange?.bound(prefix, `${prefix}\uffff`);
        const [keys, values] = [store.getAllKeys(range), store.getAll(range)];
        return () => keys.result.map((key, index) => [key, values.result[index]] as const);
      }),
  };
}

const nothing = (_request: unknown) => (): void => undefined;
