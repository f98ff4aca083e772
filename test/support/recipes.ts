/** The recipes of docs/clients.md: how each client resumes after any end of its stream. */
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client';
import { SetContextLink } from '@apollo/client/link/context';
import { RetryLink } from '@apollo/client/link/retry';
import {
  Environment,
  type GraphQLResponse,
  Network,
  Observable,
  RecordSource,
  type RequestParameters,
  requestSubscription,
  Store,
  type Variables,
} from 'relay-runtime';
import { tap } from 'rxjs';
import { RECEIVED } from './relay-requests.ts';
import type { Data } from './service.ts';

interface Result {
  readonly data?: Data;
  readonly errors?: readonly { readonly extensions?: Data }[] | undefined;
}
export interface Sink {
  next(result: Result): void;
  error(error: unknown): void;
  complete(): void;
}
export type Asked = { readonly query: string; readonly variables: Variables };

/** graphql-ws or graphql-sse: it sends the variables again as they are when it comes back. */
export interface Carrier {
  subscribe(asked: Asked, sink: Sink): () => void;
}

export const READ = `subscription ($ids: [ID!], $after: [ID!]) {
  messageReceived(conversationIds: $ids, after: $after) { content position }
}`;

/** The code of what ends a stream that may be opened again: by a token of the moment, or after a while. */
const AGAIN = new Set<unknown>(['UNAUTHENTICATED', 'SERVICE_UNAVAILABLE']);
const endsForNow = ({ errors }: Result): boolean => AGAIN.has(errors?.[0]?.extensions?.['code']);
const positionOf = ({ data }: Result): string | undefined => Object.values<Data>(data ?? {})[0]?.position;

/**
 * Relay takes any answer without data for the end and drops its subscription, so an end that is none is kept from it.
 * Its variables are not ours to change: the position is kept in a copy.
 */
export function relayEnvironment(url: string, headers: () => Promise<Record<string, string>>, carrier: Carrier) {
  const fetchOf = async ({ text: query }: RequestParameters, variables: Variables): Promise<GraphQLResponse> => {
    const type = { 'content-type': 'application/json' };
    const body = JSON.stringify({ query, variables });
    const response = await fetch(url, { method: 'POST', headers: { ...type, ...(await headers()) }, body });
    return (await response.json()) as GraphQLResponse;
  };
  const subscribeTo = ({ text }: RequestParameters, given: Variables): Observable<GraphQLResponse> =>
    Observable.create((sink) => {
      const variables = { ...given };
      let isOver = false;
      let stop = (): void => undefined;
      const open = (): void => {
        let isInterrupted = false;
        stop = carrier.subscribe(
          { query: text ?? '', variables },
          {
            next(result) {
              isInterrupted = endsForNow(result);
              if (isInterrupted) return;
              variables['after'] = [positionOf(result)];
              sink.next(result as GraphQLResponse);
            },
            error: (error) => sink.error(error as Error),
            complete: () => (isInterrupted && !isOver ? open() : sink.complete()),
          },
        );
      };
      open();
      return () => {
        isOver = true;
        stop();
      };
    });
  return new Environment({ network: Network.create(fetchOf, subscribeTo), store: new Store(new RecordSource()) });
}

interface Recipe {
  readonly url: string;
  /** A token of the moment. */
  token(): Promise<string>;
  readonly carrier: Carrier;
  readonly ids: readonly string[];
  readonly after: readonly string[];
  heard(content: string): void;
}

const headersOf = async ({ token }: Recipe): Promise<Record<string, string>> => ({
  authorization: `Bearer ${await token()}`,
});

function byApollo(recipe: Recipe): () => void {
  // Its own delay grows with each retry of a subscription, and it gives up after five.
  const retry = new RetryLink({ attempts: () => true, delay: () => 50 });
  const resume = new ApolloLink((operation, forward) =>
    forward(operation).pipe(
      tap((result) => {
        // RetryLink retries what was interrupted, and errors of a link, but no errors of a result.
        if (endsForNow(result as Result)) throw new Error('The token has ended.');
        const position = positionOf(result as Result);
        if (position) operation.variables = { ...operation.variables, after: [position] };
      }),
    ),
  );
  const authorize = new SetContextLink(async () => ({ headers: await headersOf(recipe) }));
  const link = ApolloLink.from([retry, resume, authorize, new HttpLink({ uri: recipe.url })]);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const { ids, after } = recipe;
  const subscription = client
    .subscribe<Data>({ query: gql(READ), variables: { ids, after } })
    .subscribe(({ data }) => data && recipe.heard(data.messageReceived.content));
  return () => {
    subscription.unsubscribe();
    client.stop();
  };
}

function byRelay(recipe: Recipe): () => void {
  const environment = relayEnvironment(recipe.url, () => headersOf(recipe), recipe.carrier);
  const { dispose } = requestSubscription(environment, {
    subscription: RECEIVED,
    variables: { ids: recipe.ids, after: recipe.after },
    onNext: (event: Data) => event && recipe.heard(event.messageReceived.content),
    onError: (error) => recipe.heard(`error: ${error}`),
  });
  return dispose;
}

/** The data of each event whose end has come. */
async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Result> {
  let text = '';
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>) {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, data] = /^data: (.+)$/m.exec(block) ?? [];
      if (data) yield JSON.parse(data);
    }
  }
}

/** A reader of one's own on `fetch`: any end is an interruption, unless an error says that it is none. */
function byFetch(recipe: Recipe): () => void {
  const stop = new AbortController();
  const variables = { ids: recipe.ids, after: recipe.after };
  const read = async (): Promise<boolean> => {
    const headers = { accept: 'text/event-stream', 'content-type': 'application/json', ...(await headersOf(recipe)) };
    const body = JSON.stringify({ query: READ, variables });
    const response = await fetch(recipe.url, { method: 'POST', headers, body, signal: stop.signal });
    if (!response.body) return false;
    for await (const result of eventsOf(response.body)) {
      if (result.errors) return endsForNow(result);
      variables.after = [positionOf(result) ?? ''];
      recipe.heard(result.data.messageReceived.content);
    }
    return true;
  };
  const follow = async (): Promise<void> => {
    while (await read().catch(() => !stop.signal.aborted));
  };
  void follow();
  return () => stop.abort();
}

export const RECIPES: Readonly<Record<string, (recipe: Recipe) => () => void>> = {
  'Apollo Client with RetryLink': byApollo,
  'Relay on graphql-sse': byRelay,
  'a reader on fetch': byFetch,
};
