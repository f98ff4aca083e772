/**
 * The circuit breaker around an engine: while its server is away, operations fail
 * at once instead of each waiting for its own timeout (G14).
 *
 * It opens after `FAILURES` consecutive outages, timeouts included. A separate probe
 * closes it again, one at a time, so that no caller waits for the outcome.
 * An answer of the server, even a refusal, is not an outage.
 *
 * An operation's time is counted here, from the call. The client's own count begins
 * when a command is sent, and a command may wait behind others that hang.
 */
import { type CircuitBreakerPolicy, CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { type Clock, deadline } from '../clock.ts';
import { ServiceError, unavailable } from '../errors.ts';
import { TIMES } from '../limits.ts';
import type { Circuit, Engine } from './port.ts';

const FAILURES = 5;

/** The operations of an engine for callers. */
const OPERATIONS = [
  'createConversation',
  'readConversations',
  'readMemberships',
  'listConversationIds',
  'renameConversation',
  'addMembers',
  'joinConversation',
  'removeMember',
  'setMemberRole',
  'deleteConversation',
  'listMembers',
  'markRead',
  'listReadReceipts',
  'appendMessage',
  'findSent',
  'noteDiverted',
  'editMessage',
  'deleteMessage',
  'addReaction',
  'removeReaction',
  'readMessages',
  'listMessages',
  'readLog',
  'startMessage',
  'appendText',
  'finishMessage',
  'requestStop',
  'readWriting',
  'listWritings',
  'connect',
  'disconnect',
  'setStatus',
  'readPresence',
  'setTyping',
  'readTyping',
  'readSessions',
  'findSessionUser',
  'writeSession',
  'readRefusal',
  'refuseTokens',
  'readRoutingRules',
  'saveRoutingRule',
  'deleteRoutingRule',
  'readTopicPolicies',
  'saveTopicPolicy',
  'deleteTopicPolicy',
  'readConsumers',
  'saveConsumer',
  'deleteConsumer',
  'pullEvents',
  'ackEvents',
  'readProgress',
  'listDeadLetters',
  'redeliverEvents',
  'noteUnreached',
  'readArrivals',
  'readWebhooks',
  'readWebhook',
  'saveWebhook',
  'deleteWebhook',
  'noteWebhook',
  'holdWebhooks',
  'leaveWebhooks',
  'readBookmark',
  'writeBookmark',
  'listConversations',
  'readListed',
  'listHidden',
  'countUnread',
  'changeListed',
  'readUserLog',
  'time',
  'readHeads',
  'listRooms',
  'setBlocked',
  'findBlockers',
  'publish',
  'findPublished',
  'divertPublication',
  'readTopic',
  'readLatest',
  'readTopicHead',
  'shareUse',
  'listen',
] as const satisfies readonly (keyof Engine)[];

/** The caller must close anything they open: they keep their own time, and clean up when it is over. */
const LASTING: ReadonlySet<string> = new Set(['listen'] satisfies (keyof Engine)[]);

/** An operation of the port that is missing above is missing in the result of `withCircuit`, which then does not compile. */
type Guarded = Pick<Engine, (typeof OPERATIONS)[number]>;

export interface CircuitOptions {
  readonly clock: Clock;
  /** How long an operation may take; null for an engine that never waits. */
  readonly deadlineMs: number | null;
  /** Whether the cause of a failure shows that the server is unavailable, rather than its answer. */
  readonly isOutage: (cause: unknown) => boolean;
  readonly observe: EngineObserver;
}

/** Receives the outcomes of one operation; called on the hot path. */
export interface OperationRecord {
  /** The operation ended, with or without an error. */
  operated(milliseconds: number, isFailure: boolean): void;
  /** The operation was refused because the circuit is open. */
  refused(): void;
}

/** Receives the events of the circuit. */
export interface EngineObserver {
  /** Called once per operation. */
  recordOf(operation: string): OperationRecord;
  /** It opened, or closed after it was open; failed probes in between are not reported. */
  turned(isOpen: boolean): void;
  /** An announcement was of a kind that only a newer release knows. */
  ignored(): void;
  /** Bytes of all servers; `limit` 0: without one. */
  memory(memory: { readonly used: number; readonly limit: number }): void;
  /** An announcement took so long from a node to this one. */
  lag(milliseconds: number): void;
}

const NAMES: Record<CircuitState, Circuit> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

type Operation = (...args: never[]) => Promise<unknown>;

/** Reports outcomes to a breaker. A success is only reported while outages are counted: nearly all succeed. */
class Tally {
  readonly #policy: CircuitBreakerPolicy;
  readonly #isOutage: (error: unknown) => boolean;
  #isCounting = false;

  constructor(policy: CircuitBreakerPolicy, isOutage: (error: unknown) => boolean) {
    this.#policy = policy;
    this.#isOutage = isOutage;
  }

  get isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  succeeded(): void {
    if (!this.#isCounting) return;
    this.#isCounting = false;
    if (this.isClosed) void this.#policy.execute(() => undefined);
  }

  /** Rejects after the error was counted: the caller of the operation that opens the circuit finds it open. */
  async failed(error: unknown): Promise<never> {
    if (!this.#isOutage(error) || !this.isClosed) throw error;
    this.#isCounting = true;
    return this.#policy.execute(() => {
      throw error;
    });
  }
}

/** Each operation is one promise and its report: there is at least one for each message. */
function guard(operation: Operation, deadlineMs: number | null, record: OperationRecord, tally: Tally): Operation {
  return (...args) => {
    if (!tally.isClosed) {
      record.refused();
      return Promise.reject(unavailable());
    }
    return new Promise((resolve, reject) => {
      const start = performance.now();
      let cancel: (() => void) | null = null;
      let isOver = false;
      function end(isFailure: boolean): void {
        isOver = true;
        cancel?.();
        record.operated(performance.now() - start, isFailure);
      }
      function succeed(result: unknown): void {
        if (isOver) return;
        end(false);
        tally.succeeded();
        resolve(result);
      }
      function fail(error: unknown): void {
        if (isOver) return;
        end(true);
        tally.failed(error).catch(reject);
      }
      // It may have been applied all the same.
      const late = (): void => fail(unavailable(new Error('No answer in time.')));
      operation(...args).then(succeed, fail);
      if (deadlineMs !== null) cancel = deadline(deadlineMs, late);
    });
  };
}

export function withCircuit(engine: Engine, { clock, deadlineMs, isOutage, observe }: CircuitOptions): Engine {
  const isAway = (error: unknown): boolean =>
    error instanceof ServiceError && error.cause !== undefined && isOutage(error.cause);
  // The probe decides when it may close again.
  const breaker = new ConsecutiveBreaker(FAILURES);
  const policy = circuitBreaker(handleWhen(isAway), { breaker, halfOpenAfter: 0 });
  const tally = new Tally(policy, isAway);
  let isOpen = false;
  policy.onStateChange((state) => {
    if (isOpen === (state !== CircuitState.Closed)) return;
    isOpen = !isOpen;
    observe.turned(isOpen);
  });
  let stopProbing = (): void => undefined;
  let isClosed = false;

  async function probe(): Promise<void> {
    const check = async (): Promise<void> => {
      const { status, reason } = await engine.checkHealth();
      if (status === 'down') throw unavailable(new Error(reason ?? 'down'));
    };
    // A failure opens it again, which brings the next probe.
    await policy.execute(check).catch(() => undefined);
  }
  policy.onBreak(() => {
    if (!isClosed) stopProbing = clock.after(TIMES.circuitProbeMs, () => void probe());
  });

  const guarded = Object.fromEntries(
    OPERATIONS.map((name) => [
      name,
      guard(engine[name] as Operation, LASTING.has(name) ? null : deadlineMs, observe.recordOf(name), tally),
    ]),
  ) as unknown as Guarded;

  return {
    ...guarded,
    kind: engine.kind,
    checkHealth: async () => ({ ...(await engine.checkHealth()), circuit: NAMES[policy.state] }),
    close() {
      isClosed = true;
      stopProbing();
      return engine.close();
    },
  };
}
