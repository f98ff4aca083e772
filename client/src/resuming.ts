/** Any subscription of the service, for apps with a store of their own: after a cut it goes on where it was. */
import { BackOff } from './back-off.ts';
import { textOf } from './errors.ts';
import type { Variables } from './link.ts';
import { Positions } from './positions.ts';

export interface Result {
  readonly data?: Readonly<Record<string, unknown>> | null | undefined;
  readonly errors?: readonly GraphQLErrorLike[] | null | undefined;
}
interface GraphQLErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>> | undefined;
}

/** One try, as whatever carries it tells. */
export interface Attempt<Given extends Result> {
  next(result: Given): void;
  /** The connection ended, or the operation was refused: `errors` in it say so. */
  error(error: unknown): void;
  complete(): void;
}

export interface Resuming<Given extends Result> extends Attempt<Given> {
  /** As the app gave them; `after` is set in a copy. */
  readonly variables: Variables;
  start(variables: Variables, attempt: Attempt<Given>): () => void;
  /** Missed events cannot be replayed: the app reads the data again. The subscription continues with new events. */
  readonly onReset?: ((extensions: Readonly<Record<string, unknown>>) => void) | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});

/** Learns from events where the subscription is. They have to select `position`, those of the inbox `isLive`, and with several logs whose it is. */
export class Place {
  readonly #given: Variables;
  readonly #positions = new Positions();
  readonly #since = new Map<string, string>();
  #isAnew = false;

  /** Positions that are given in `after` are those of the conversations or topics in another list, in its order. */
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
    if ('isLive' in event) return this.#positions.checkpoint(position);
    const of = textOf(message['conversationId']) ?? textOf(message['topic']) ?? [...this.#since.keys()][0] ?? '';
    if (!isOfInbox) {
      if (this.#since.size === 1 && this.#since.has('')) this.#since.clear();
      this.#since.set(of, position);
      // Before the first checkpoint it begins where it was begun: what was told comes again, with the same positions.
    } else if (this.#positions.last !== null) this.#positions.moved(of, position);
  }

  /** It cannot be continued. */
  clear(): void {
    this.#isAnew = true;
    this.#positions.clear();
    this.#since.clear();
  }

  #forget(event: Fields): void {
    const type = event['__typename'];
    if (type === 'ConversationLeft' || type === 'ConversationReset')
      this.#positions.forget(textOf(event['conversationId']) ?? '');
  }
}

const listOf = (value: unknown): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);
const isListOf = (value: unknown, length: number): boolean => Array.isArray(value) && value.length === length;

/** Begins it, and again after each cut, until it is ended, by the app or by the service. */
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
    // After good service a token that has ended is no reason to wait.
    const ms = atLeastMs === 0 && isFresh ? 0 : backOff.next({ atLeastMs: atLeastMs ?? 0 });
    isFresh = false;
    timer = setTimeout(start, ms);
  };
  /** Whether these errors are dealt with, and the app hears nothing of them. */
  const mends = (errors: readonly GraphQLErrorLike[]): boolean => {
    const extensions = errors[0]?.extensions ?? {};
    const { code, reason, retryAfterMs } = extensions;
    if (code === 'POSITION_EXPIRED') {
      place.clear();
      resuming.onReset?.(extensions);
    } else if (code === 'UNAUTHENTICATED' ? reason !== 'EXPIRED' : !PASSING.has(`${code}`)) return false;
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

const PASSING: ReadonlySet<string> = new Set(['SERVICE_UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL_SERVER_ERROR']);

/** The GraphQL errors that libraries make of an answer; null: it is an end of the connection. */
function errorsOf(error: unknown): readonly GraphQLErrorLike[] | null {
  if (Array.isArray(error)) return error as GraphQLErrorLike[];
  const { errors, graphQLErrors } = fieldsOf(error);
  const found = [errors, graphQLErrors].find((list) => Array.isArray(list) && list.length > 0);
  return (found as GraphQLErrorLike[] | undefined) ?? null;
}
