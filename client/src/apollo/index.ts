/** For Apollo Client 4: a link that makes any subscription of the service go on where it was. */
import { ApolloLink, Observable } from '@apollo/client';
import { type Result, resume } from '../resuming.ts';

export interface ResumingLinkOptions {
  /** Missed events of a subscription cannot be replayed: `conversationId` or `topic` names the log, `reason` the cause. */
  readonly onReset?: (operationName: string | undefined, extensions: Readonly<Record<string, unknown>>) => void;
}

/**
 * Stands before links that give the token and the connection, of which the last does not try again by itself. A subscription has
 * a variable `$after: [ID!]`, and selects `position`.
 */
export class ResumingLink extends ApolloLink {
  readonly #options: ResumingLinkOptions;

  constructor(options: ResumingLinkOptions = {}) {
    super();
    this.#options = options;
  }

  override request(
    operation: ApolloLink.Operation,
    forward: ApolloLink.ForwardFunction,
  ): Observable<ApolloLink.Result> {
    const isSubscription = operation.query.definitions.some(
      (definition) => definition.kind === 'OperationDefinition' && definition.operation === 'subscription',
    );
    if (!isSubscription) return forward(operation);
    const { variables, operationName } = operation;
    return new Observable((observer) =>
      resume<ApolloLink.Result & Result>({
        variables,
        start(present, attempt) {
          operation.variables = { ...present };
          const subscription = forward(operation).subscribe({
            next: (result) => attempt.next(result as ApolloLink.Result & Result),
            error: (error) => attempt.error(error),
            complete: () => attempt.complete(),
          });
          return () => subscription.unsubscribe();
        },
        next: (result) => observer.next(result),
        error: (error) => observer.error(error),
        complete: () => observer.complete(),
        onReset: (extensions) => this.#options.onReset?.(operationName, extensions),
      }),
    );
  }
}
