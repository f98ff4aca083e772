/** A tab without a browser: a client in a realm of its own, which can be closed at once, as a person closes a tab. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createContext, runInContext } from 'node:vm';
import type { Realtime, RealtimeOptions, Storage } from '../../client/src/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The dates of a realm are those of its machine. */
const DATES = `Date = class extends Date {
  constructor(...given) { if (given.length > 0) super(...given); else super(now()); }
  static now() { return now(); }
};`;

let bundle: Promise<string> | null = null;

function code(): Promise<string> {
  const flags = ['client/src/index.ts', '--bundle', '--format=iife', '--global-name=client', '--conditions=browser'];
  bundle ??= promisify(execFile)(`${ROOT}node_modules/.bin/esbuild`, flags, { cwd: ROOT }).then(({ stdout }) => stdout);
  return bundle;
}

/** `full`: it can be read and emptied. `broken`: every call fails. */
export type DiskState = 'good' | 'full' | 'broken';

/** What all tabs of one person share: the storage, the locks and the clock of their machine. */
export class Machine {
  readonly values = new Map<string, unknown>();
  readonly spent = new SpentTokens();
  /** As a page in a frame of another site, which may not use Web Locks. */
  refusesLocks = false;
  /** What its browser says, which may be wrong. */
  isOnline = true;
  #state: DiskState = 'good';
  /** How far its clock is from the time that has passed. */
  wrongMs = 0;
  /** Time that a test let pass. */
  passedMs = 0;
  readonly #tails = new Map<string, Promise<unknown>>();

  get state(): DiskState {
    return this.#state;
  }

  set state(state: DiskState) {
    this.#state = state;
    if (state === 'broken') this.spent.forget(this.#keptToken);
  }

  get #keptToken(): string | undefined {
    return (this.values.get('session') as { readonly refreshToken: string } | undefined)?.refreshToken;
  }

  now(): number {
    return Date.now() + this.passedMs + this.wrongMs;
  }

  /** What it heard last may be in no storage. */
  closed(): void {
    this.spent.forget(this.#keptToken);
  }

  /** Calls of a tab happen one after another; those of a tab that was closed meanwhile may be lost. */
  storageOf(tab: Tab): Storage {
    const run = async <Value>(isWrite: boolean, use: () => Value): Promise<Value> => {
      await new Promise(setImmediate);
      if (tab.losesCalls) return never();
      const fails = this.state === 'broken' || (this.state === 'full' && isWrite);
      const value = fails ? null : use();
      if (!tab.isOpen) return never();
      if (fails) throw new Error('The disk failed.');
      return value as Value;
    };
    return {
      get: (key) => run(false, () => structuredClone(this.values.get(key))),
      set: (key, value) => {
        const copy = structuredClone(value);
        return run(true, () => void this.values.set(key, copy));
      },
      delete: (key) => run(false, () => void this.values.delete(key)),
      list: (prefix) =>
        run(false, () => structuredClone([...this.values].filter(([key]) => key.startsWith(prefix)).sort(byKey))),
    };
  }

  /** As Web Locks: a closed tab holds none. */
  async lock<Value>(tab: Tab, name: string, run: () => Promise<Value>): Promise<Value> {
    if (this.refusesLocks) throw new Error('Access to the locks is denied.');
    const before = this.#tails.get(name);
    const turn = (before ?? Promise.resolve()).then(() => (tab.isOpen ? run() : never<Value>()));
    const over = Promise.race([turn.catch(() => undefined), (before ?? Promise.resolve()).then(() => tab.closed)]);
    this.#tails.set(name, over);
    return turn;
  }
}

/** Refresh tokens whose successors a tab was given: none may be sent again. */
class SpentTokens {
  readonly twice: string[] = [];
  readonly #asked = new Map<Tab, string>();
  readonly #answered = new Set<string>();

  sent(tab: Tab, text: string): void {
    const token = /mutation RefreshSession.*"token":"([^"]+)"/.exec(text)?.[1];
    if (token === undefined) return;
    if (this.#answered.has(token)) this.twice.push(`spent twice: ${token}`);
    this.#asked.set(tab, token);
  }

  heard(tab: Tab, text: string): void {
    const token = this.#asked.get(tab);
    if (token !== undefined && tab.isOpen && text.includes('"refreshSession":{')) this.#answered.add(token);
  }

  /** The successor of this one is lost, or in the memory of one tab. */
  forget(token: string | undefined): void {
    this.#answered.delete(token ?? '');
  }
}

const byKey = ([one]: [string, unknown], [other]: [string, unknown]): number => (one < other ? -1 : 1);
const never = <Value>(): Promise<Value> => new Promise<Value>(() => undefined);

interface Timer {
  readonly dueAt: number;
  readonly run: () => void;
  readonly real: NodeJS.Timeout;
}

export class Tab {
  readonly closed: Promise<void>;
  readonly #machine: Machine;
  readonly #timers = new Map<number, Timer>();
  readonly #sockets = new Set<WebSocket>();
  readonly #listeners = new Map<string, Set<() => void>>();
  #chat: Realtime | null = null;
  #close: () => void = () => undefined;
  #isOpen = true;
  #losesCalls = false;
  #count = 0;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get losesCalls(): boolean {
    return this.#losesCalls;
  }

  get chat(): Realtime {
    if (!this.#chat) throw new Error('It is not open.');
    return this.#chat;
  }

  async open(options: Omit<RealtimeOptions, 'storage'>): Promise<Tab> {
    const realm = createContext(this.#globals());
    runInContext(DATES, realm);
    runInContext(await code(), realm);
    const { createRealtime } = runInContext('client', realm) as {
      createRealtime(options: RealtimeOptions): Realtime;
    };
    this.#chat = createRealtime({ ...options, storage: this.#machine.storageOf(this) });
    this.#chat.connect();
    return this;
  }

  /** At once: nothing of it runs any more. `losesCalls`: what it asked of its storage last is not done. */
  close(losesCalls = false): void {
    this.#isOpen = false;
    this.#losesCalls = losesCalls;
    for (const { real } of this.#timers.values()) clearTimeout(real);
    this.#timers.clear();
    this.#listeners.clear();
    for (const socket of this.#sockets) {
      socket.onopen = socket.onmessage = socket.onerror = socket.onclose = null;
      socket.close();
    }
    this.#close();
    this.#machine.closed();
  }

  /** Runs what is due now that time has passed. */
  runDue(): void {
    const due = [...this.#timers].filter(([, { dueAt }]) => dueAt <= this.#elapsed());
    for (const [id, { run }] of due.sort(([, one], [, other]) => one.dueAt - other.dueAt)) {
      if (!this.#timers.has(id)) continue;
      this.#clear(id);
      run();
    }
  }

  /** An event of its window: `pageshow`, `online`. */
  tell(event: string): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener();
  }

  #elapsed(): number {
    return performance.now() + this.#machine.passedMs;
  }

  #start(run: () => void, ms: number, isRepeated: boolean): number {
    this.#count += 1;
    const id = this.#count;
    const wait = (): void => {
      const due = (): void => {
        this.#timers.delete(id);
        if (isRepeated) wait();
        run();
      };
      this.#timers.set(id, { dueAt: this.#elapsed() + ms, run: due, real: setTimeout(due, ms) });
    };
    if (this.#isOpen) wait();
    return id;
  }

  #clear(id: number): void {
    clearTimeout(this.#timers.get(id)?.real);
    this.#timers.delete(id);
  }

  #globals(): Record<string, unknown> {
    const [tab, machine] = [this, this.#machine];
    const target = {
      addEventListener: (type: string, listener: () => void): void => {
        this.#listeners.set(type, (this.#listeners.get(type) ?? new Set()).add(listener));
      },
      removeEventListener: (type: string, listener: () => void) => this.#listeners.get(type)?.delete(listener),
    };
    class Socket extends WebSocket {
      constructor(url: string, protocols?: string) {
        super(url, protocols);
        tab.#sockets.add(this);
        this.addEventListener('close', () => tab.#sockets.delete(this));
        this.addEventListener('message', ({ data }) => machine.spent.heard(tab, `${data}`));
      }

      override send(text: string): void {
        machine.spent.sent(tab, text);
        super.send(text);
      }
    }
    const ask = async (url: string, init: RequestInit): Promise<Response> => {
      machine.spent.sent(tab, `${init.body}`);
      try {
        const response = await fetch(url, init);
        const text = await response.clone().text();
        machine.spent.heard(tab, text);
        return tab.isOpen ? response : never();
      } catch (error) {
        if (!tab.isOpen) return never();
        throw error;
      }
    };
    const { AbortController, TextDecoder, TextEncoder, URL, atob, console, crypto, queueMicrotask } = globalThis;
    return {
      ...{ AbortController, TextDecoder, TextEncoder, URL, atob, console, crypto, queueMicrotask, ...target },
      WebSocket: Socket,
      document: { visibilityState: 'visible', ...target },
      navigator: {
        get onLine() {
          return machine.isOnline;
        },
        locks: { request: (name: string, run: () => Promise<unknown>) => machine.lock(tab, name, run) },
      },
      now: () => machine.now(),
      performance: { now: () => this.#elapsed() },
      fetch: ask,
      setTimeout: (run: () => void, ms = 0) => this.#start(run, ms, false),
      setInterval: (run: () => void, ms = 0) => this.#start(run, ms, true),
      clearTimeout: (id: number) => this.#clear(id),
      clearInterval: (id: number) => this.#clear(id),
    };
  }
}
