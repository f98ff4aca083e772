/**
 * The circuit breaker around an engine: while its server is away, operations fail
 * at once instead of each waiting for its own timeout (G14).
 *
 * It opens after consecutive outages, timeouts included. A separate health check
 * closes it again, one at a time, so that no caller waits for the outcome.
 * An answer of the server, even a refusal, is not an outage.
 *
 * An operation's time is counted here, from the call. The client's own count begins
 * when a command is sent, and a command may wait behind others that hang.
 */
import { type Clock, deadline } from '../clock.ts';
import { ServiceError, unavailable } from '../errors.ts';
import { Breaker } from './breaker.ts';
import type { Circuit, Engine, EngineObserver, OperationRecord } from './port.ts';

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

/** Operations that open something that the caller must close. They have no deadline here: they limit their own time, and close what they opened. */
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

/** An engine for callers, and the state of the circuit around it. */
export interface GuardedEngine {
  readonly engine: Engine;
  circuit(): Circuit;
}

type Operation = (...args: never[]) => Promise<unknown>;

/** Each operation is one promise and its report: there is at least one for each message. */
function guard(
  operation: Operation,
  deadlineMs: number | null,
  record: OperationRecord,
  breaker: Breaker,
  isOutage: (error: unknown) => boolean,
): Operation {
  return (...args) => {
    if (!breaker.isClosed) {
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
        breaker.answered();
        resolve(result);
      }
      function fail(error: unknown): void {
        if (isOver) return;
        end(true);
        // Counted first: the caller of the operation that opens the circuit finds it open.
        if (isOutage(error)) breaker.missed();
        reject(error);
      }
      // It may have been applied all the same.
      const late = (): void => fail(unavailable(new Error('No answer in time.')));
      operation(...args).then(succeed, fail);
      if (deadlineMs !== null) cancel = deadline(deadlineMs, late);
    });
  };
}

export function withCircuit(engine: Engine, { clock, deadlineMs, isOutage, observe }: CircuitOptions): GuardedEngine {
  const isAway = (error: unknown): boolean =>
    error instanceof ServiceError && error.cause !== undefined && isOutage(error.cause);
  const breaker = new Breaker({
    clock,
    check: async () => (await engine.checkHealth()).status !== 'down',
    turned: observe.turned,
  });

  const guarded = Object.fromEntries(
    OPERATIONS.map((name) => [
      name,
      guard(engine[name] as Operation, LASTING.has(name) ? null : deadlineMs, observe.recordOf(name), breaker, isAway),
    ]),
  ) as unknown as Guarded;

  return {
    engine: {
      ...guarded,
      kind: engine.kind,
      checkHealth: () => engine.checkHealth(),
      close() {
        breaker.close();
        return engine.close();
      },
    },
    circuit: () => breaker.state,
  };
}
