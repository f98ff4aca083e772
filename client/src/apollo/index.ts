/** For Apollo Client 4: a link that resumes any subscription of the service at its position. */
import { ApolloLink, Observable } from '@apollo/client';
import { type Result, resume } from '../resuming.ts';

export interface ResumingLinkOptions {
  /**
   * Called when missed events of a subscription cannot be replayed: `conversationId` or `topic` names the log, `reason`
   * the cause.
   */
  readonly onReset?: (operationName: string | undefined, extensions: Readonly<Record<string, unknown>>) => void;
}

/**
 * Put it before the links for the token and the connection; the connection's link must not retry by itself. A
 * subscription needs a variable `$after: [ID!]` and selects `position`.
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
