/**
 * The circuit breaker around an engine: while its server is away, operations fail
 * at once instead of each waiting for its own timeout (G14).
 *
 * It opens at `FAILURES` outages in a row, timeouts among them. A probe of its own
 * closes it again, one at a time, so that no caller is made to wait for the proof.
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

/** Everything an engine is asked to do for a caller. */
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

/** An operation of the port that is missing above is missing in what `withCircuit` answers, which then does not compile. */
type Guarded = Pick<Engine, (typeof OPERATIONS)[number]>;

export interface CircuitOptions {
  readonly clock: Clock;
  /** How long an operation may take; null for an engine that never waits. */
  readonly deadlineMs: number | null;
  /** Whether the cause of a failure says that the server is away, rather than what it answered. */
  readonly isOutage: (cause: unknown) => boolean;
  readonly observe: EngineObserver;
}

/** Told of everything that passes the circuit as one operation; called on the hot path. */
export interface OperationRecord {
  /** It ended, well or not. */
  operated(milliseconds: number, isFailure: boolean): void;
  /** It was refused because the circuit is open. */
  refused(): void;
}

/** Told of the circuit. */
export interface EngineObserver {
  /** Asked once for each operation. */
  recordOf(operation: string): OperationRecord;
  /** It opened, or closed after it was open; what its probes find in between is not told. */
  turned(isOpen: boolean): void;
  /** An announcement was of a kind that only a newer release knows. */
  ignored(): void;
}

const NAMES: Record<CircuitState, Circuit> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

type Operation = (...args: never[]) => Promise<unknown>;

/** Tells a breaker what became of operations. Of one that succeeds only when it counts outages: nearly all do. */
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

  /** Rejects with the error once it was counted: whoever hears of the one that opens the circuit finds it open. */
  async failed(error: unknown): Promise<never> {
    if (!this.#isOutage(error) || !this.isClosed) throw error;
    this.#isCounting = true;
    return this.#policy.execute(() => {
      throw error;
    });
  }
}

/** Each operation is one promise and what it is told: there is one for each message and more. */
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
      // It may have happened all the same.
      const late = (): void => fail(unavailable(new Error('No answer in time.')));
      operation(...args).then(succeed, fail);
      if (deadlineMs !== null) cancel = deadline(deadlineMs, late);
    });
  };
}

export function withCircuit(engine: Engine, { clock, deadlineMs, isOutage, observe }: CircuitOptions): Engine {
  const isAway = (error: unknown): boolean =>
    error instanceof ServiceError && error.cause !== undefined && isOutage(error.cause);
  // When it may close again is the probe's to say.
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
