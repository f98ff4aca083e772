/** What an engine and the circuit around it report about themselves. */

/** State of the circuit around an engine: `open` refuses operations at once, `half-open` while it checks the server. */
export type Circuit = 'closed' | 'open' | 'half-open';

/** Receives the outcomes of one operation; called on the hot path. */
export interface OperationRecord {
  /** The operation ended, with or without an error. */
  operated(milliseconds: number, isFailure: boolean): void;
  /** The operation was refused because the circuit is open. */
  refused(): void;
}

export interface EngineObserver {
  /** Called once per operation name. */
  recordOf(operation: string): OperationRecord;
  /** The circuit opened, or closed after it was open; failed checks in between are not reported. */
  turned(isOpen: boolean): void;
  /** An announcement of a kind that only a newer release knows was skipped, or a value in storage or in an announcement was unknown. */
  ignored(): void;
  /** The memory of all servers of Redis, in bytes; `limit` 0: one of them has none. */
  memory(memory: { readonly used: number; readonly limit: number }): void;
  /** How long an announcement took from a node to this one. */
  lag(milliseconds: number): void;
}
