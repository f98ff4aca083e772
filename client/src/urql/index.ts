/** For urql: an exchange that resumes any subscription of the service at its position. */
import { type Exchange, makeErrorResult, makeOperation, type Operation, type OperationResult } from '@urql/core';
import { filter, make, makeSubject, merge, mergeMap, pipe, type Source, share, subscribe, takeUntil } from 'wonka';
import { type Attempt, type Result, resume } from '../resuming.ts';

export interface ResumingExchangeOptions {
  /**
   * Called when missed events of a subscription cannot be replayed: `conversationId` or `topic` names the log, `reason`
   * the cause.
   */
  readonly onReset?: (operation: Operation, extensions: Readonly<Record<string, unknown>>) => void;
}

interface Given extends Result {
  readonly result: OperationResult;
}

/**
 * Put it before the exchange for subscriptions. A subscription needs a variable `$after: [ID!]` and selects `position`.
 */
export const resumingExchange =
  ({ onReset }: ResumingExchangeOptions = {}): Exchange =>
  ({ forward }) =>
  (operations) => {
    const shared = share(operations);
    const attempts = makeSubject<Operation>();
    const others = pipe(
      shared,
      filter(({ kind }) => kind !== 'subscription'),
    );
    const results = share(forward(merge([others, attempts.source])));
    const answers = pipe(
      results,
      filter(({ operation }) => operation.kind !== 'subscription'),
    );
    const subscriptions = pipe(
      shared,
      filter(({ kind }) => kind === 'subscription'),
      mergeMap((operation) => pipe(resumed(operation), takeUntil(endOf(operation)))),
    );
    return merge([answers, subscriptions]);

    function endOf({ key }: Operation): Source<Operation> {
      return pipe(
        shared,
        filter((other) => other.kind === 'teardown' && other.key === key),
      );
    }

    function resumed(operation: Operation): Source<OperationResult> {
      return make(({ next, complete }) =>
        resume<Given>({
          variables: operation.variables as Readonly<Record<string, unknown>>,
          start(variables, attempt) {
            const { unsubscribe } = pipe(
              results,
              filter((result) => result.operation.kind === 'subscription' && result.operation.key === operation.key),
              subscribe((result) => settle(result, attempt)),
            );
            attempts.next(makeOperation('subscription', { ...operation, variables }, operation.context));
            return () => {
              unsubscribe();
              attempts.next(makeOperation('teardown', operation, operation.context));
            };
          },
          next: ({ result }) => next({ ...result, operation }),
          error: (error) => next(makeErrorResult(operation, error as Error)),
          complete,
          onReset: (extensions) => onReset?.(operation, extensions),
        }),
      );
    }
  };

/** An error comes with the previous data again. */
function settle(result: OperationResult, attempt: Attempt<Given>): void {
  const { data, error } = result;
  if (error?.networkError) attempt.error(error.networkError);
  else if (error) attempt.next({ result, errors: error.graphQLErrors });
  else attempt.next({ result, data: data as Given['data'] });
}
