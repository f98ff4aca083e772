/** Resumes any subscription of the service after a disconnect, for apps with their own store. */
import { BackOff } from './back-off.ts';
import { type GraphQLErrorLike, isPassing, RequestError, textOf } from './errors.ts';
import type { Variables } from './link.ts';
import { Positions } from './positions.ts';

export interface Result {
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  readonly errors?: readonly GraphQLErrorLike[] | null | undefined;
}

/** One attempt, with callbacks for its transport. */
export interface Attempt<Given extends Result> {
  next(result: Given): void;
  /** The connection ended, or the operation was refused, if the error contains GraphQL `errors`. */
  error(error: unknown): void;
  complete(): void;
}

export interface Resuming<Given extends Result> extends Attempt<Given> {
  /** The app's variables; `after` is set in a copy. */
  readonly variables: Variables;
  start(variables: Variables, attempt: Attempt<Given>): () => void;
  /**
   * Called when missed events cannot be replayed, so the app must read the data again. The subscription continues with
   * new events.
   */
  readonly onReset?: ((extensions: Readonly<Record<string, unknown>>) => void) | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/**
 * Tracks the position of a subscription by its events. They must select `position`; events of the inbox also `isLive`;
 * with several logs also `conversationId` or `topic`.
 */
export class Place {
  readonly #given: Variables;
  readonly #positions = new Positions();
  readonly #since = new Map<string, string>();
  #isAnew = false;

  /** Positions given in `after` belong to the conversations or topics of the other list, in its order. */
  constructor(given: Variables) {
    this.#given = given;
    const after = listOf(given['after']);
    const names = Object.entries(given).find(([name, value]) => name !== 'after' && isListOf(value, after.length))?.[1];
    for (const [index, position] of after.entries()) {
      const name = listOf(names)[index] ?? (after.length === 1 ? '' : null);
      if (name !== null) this.#since.set(name, position);
    }
  }

  get variables(): Variables {
    const after = this.#positions.after ?? [...this.#since.values()];
    if (after.length > 0) return { ...this.#given, after };
    return this.#isAnew ? { ...this.#given, after: null } : this.#given;
  }

  learn(data: Fields): void {
    const event = fieldsOf(Object.values(data)[0]);
    const isOfInbox = 'isLive' in event || 'message' in event;
    const message = 'message' in event ? fieldsOf(event['message']) : event;
    const position = textOf(message['position']);
    if (position === null) return this.#forget(event);
    if ('isLive' in event) return this.#positions.restart(position);
    const of = textOf(message['conversationId']) ?? textOf(message['topic']) ?? [...this.#since.keys()][0] ?? '';
    if (!isOfInbox) {
      if (this.#since.size === 1 && this.#since.has('')) this.#since.clear();
      this.#since.set(of, position);
      // Before the first checkpoint the inbox resumes at its original start: the events come again, with the same
      // positions.
    } else if (this.#positions.last !== null) this.#positions.since.set(of, position);
  }

  /** The position cannot be resumed. */
  clear(): void {
    this.#isAnew = true;
    this.#positions.restart(null);
    this.#since.clear();
  }

  #forget(event: Fields): void {
    const type = event['__typename'];
    if (type === 'ConversationLeft' || type === 'ConversationReset')
      this.#positions.since.delete(textOf(event['conversationId']) ?? '');
  }
}

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);
const isListOf = (value: unknown, length: number): boolean => Array.isArray(value) && value.length === length;

/** Starts the subscription, and restarts it after each disconnect, until the app or the service ends it. */
export function resume<Given extends Result>(resuming: Resuming<Given>): () => void {
  const place = new Place(resuming.variables);
  const backOff = new BackOff();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let stop: () => void = () => undefined;
  let attempts = 0;
  let isFresh = false;

  const again = (atLeastMs: number | null): void => {
    attempts += 1;
    stop();
    clearTimeout(timer);
    // After a working connection an expired token is no reason to wait.
    const ms = atLeastMs === 0 && isFresh ? 0 : backOff.next(atLeastMs);
    isFresh = false;
    timer = setTimeout(start, ms);
  };
  /** Whether these errors are handled here, so that the app does not see them. */
  const mends = ([error]: readonly GraphQLErrorLike[]): boolean => {
    const extensions = error?.extensions ?? {};
    const { code, reason, retryAfterMs } = extensions;
    // Without a code the cause is unknown.
    const passes = error && textOf(code) !== null && isPassing(new RequestError(error));
    if (code === 'POSITION_EXPIRED') {
      place.clear();
      resuming.onReset?.(extensions);
    } else if (code === 'UNAUTHENTICATED' ? reason !== 'EXPIRED' : !passes) return false;
    again(typeof retryAfterMs === 'number' ? retryAfterMs : 0);
    return true;
  };
  function start(): void {
    const attempt = attempts;
    const isOver = (): boolean => attempt !== attempts;
    const ended = resuming.start(place.variables, {
      next(result) {
        if (isOver()) return;
        if (result.errors?.length && mends(result.errors)) return;
        if (result.data) {
          backOff.reset();
          isFresh = true;
          place.learn(result.data);
        }
        resuming.next(result);
      },
      error(error) {
        if (isOver()) return;
        const errors = errorsOf(error);
        if (!errors) again(null);
        else if (!mends(errors)) resuming.error(error);
      },
      complete() {
        if (!isOver()) resuming.complete();
      },
    });
    if (isOver()) ended();
    else stop = ended;
  }
  start();
  return () => {
    attempts += 1;
    clearTimeout(timer);
    stop();
  };
}

/** The GraphQL errors in a library's error; null: the connection ended. */
function errorsOf(error: unknown): readonly GraphQLErrorLike[] | null {
  if (Array.isArray(error)) return error as GraphQLErrorLike[];
  const { errors, graphQLErrors } = fieldsOf(error);
  const found = [errors, graphQLErrors].find((list) => Array.isArray(list) && list.length > 0);
  return (found as GraphQLErrorLike[] | undefined) ?? null;
}
