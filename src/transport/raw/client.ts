/** One client of the raw protocol: its identity and its subscriptions. */
import type { Bearer } from '../../access/bearer.ts';
import { reasonOf } from '../../access/tokens.ts';
import { RenderedStream, type Renderer } from '../../delivery/rendered-stream.ts';
import type { Domain } from '../../domain/domain.ts';
import {
  badInput,
  CLOSE_CODES,
  type RefusalReason,
  type ServiceError,
  TOO_SLOW,
  unauthenticated,
} from '../../errors.ts';
import { LIMITS } from '../../limits.ts';
import type { Meter, Topic, UserId, Viewer } from '../../model.ts';
import type { Connection } from '../websocket/connection.ts';
import type { Feed } from './feed.ts';
import { RawOutlet } from './outlet.ts';
import type { RawParts } from './parts.ts';

function notTheirs(reason: RefusalReason = 'INVALID'): ServiceError {
  return unauthenticated(reason, 'The token is not valid for this user.');
}

export interface RawClientIdentity {
  readonly connection: Connection;
  readonly meter: Meter;
  readonly feed: Feed;
  /** Reports an error that is not the answer to a frame. */
  readonly reportError: (error: ServiceError, about?: object) => void;
}

/** @throws {ServiceError} for a connection that was not admitted. */
function bearerIn({ bearer }: Connection): Bearer {
  if (!bearer) throw notTheirs();
  return bearer;
}

export class RawClient {
  readonly domain: Domain;
  readonly meter: Meter;
  readonly feed: Feed;
  readonly topics: TopicSubscriptions;
  readonly #connection: Connection;
  readonly #options: RawParts;
  readonly #identity: RawClientIdentity;
  #watching: RenderedStream | null = null;

  constructor(identity: RawClientIdentity, options: RawParts) {
    this.domain = options.domain;
    this.meter = identity.meter;
    this.feed = identity.feed;
    this.#connection = identity.connection;
    this.#identity = identity;
    this.#options = options;
    this.topics = new TopicSubscriptions(identity, options);
    identity.connection.onEnd(() => {
      this.#watching?.close();
      this.topics.close();
    });
  }

  get viewer(): Viewer {
    return bearerIn(this.#connection).viewer;
  }

  /** Watches these users instead of the previous ones; events begin when the returned function is called. */
  async watch(userIds: readonly UserId[]): Promise<() => void> {
    const { clock, delivery, rendering } = this.#options;
    const events = await delivery.presenceUpdated(bearerIn(this.#connection), userIds);
    this.#watching?.close();
    const stream = new RenderedStream(events, counted(this.#options, rendering.presence), clock);
    this.#watching = stream;
    if (!this.#connection.isOpen) stream.close();
    return () => stream.pipe(outletOf(this.#identity, this.#options, {}));
  }

  /** Takes a new token of the same user, before the old one expires. @throws {ServiceError} UNAUTHENTICATED. */
  async authenticate(token: string): Promise<Viewer> {
    const { verifyToken } = this.#options;
    const verification = await verifyToken(token);
    if (verification.outcome !== 'valid') throw notTheirs(reasonOf(verification));
    if (!this.#connection.bearer?.renew(verification.viewer)) throw notTheirs();
    return verification.viewer;
  }
}

/** The topics of one client, each with its own subscription. */
class TopicSubscriptions {
  readonly #identity: RawClientIdentity;
  readonly #options: RawParts;
  /** Null before the first. */
  #streams: Map<Topic, RenderedStream> | null = null;

  constructor(identity: RawClientIdentity, options: RawParts) {
    this.#identity = identity;
    this.#options = options;
  }

  /**
   * Subscribes to all topics or to none; events begin when the returned function is called. Earlier subscriptions
   * continue.
   */
  async add(topics: readonly Topic[]): Promise<() => void> {
    const fresh = topics.filter((topic) => !this.#streams?.has(topic));
    if ((this.#streams?.size ?? 0) + fresh.length > LIMITS.topicsPerSocket) {
      throw badInput(`data.topics: a socket can subscribe to at most ${LIMITS.topicsPerSocket} topics.`);
    }
    const opened = await Promise.allSettled(fresh.map((topic) => this.#open(topic)));
    const streams = opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const failed = opened.find((each) => each.status === 'rejected');
    if (failed || !this.#identity.connection.isOpen) for (const { stream } of streams) stream.close();
    if (failed) throw failed.reason;
    const all = this.#streams ?? new Map<Topic, RenderedStream>();
    this.#streams = all;
    for (const { topic, stream } of streams) all.set(topic, stream);
    return () => {
      for (const { topic, stream } of streams) {
        const forget = (): boolean => all.delete(topic);
        stream.pipe(outletOf(this.#identity, this.#options, { topics: [topic] }, forget));
      }
    };
  }

  remove(topics: readonly string[]): void {
    for (const topic of topics as Topic[]) {
      this.#streams?.get(topic)?.close();
      this.#streams?.delete(topic);
    }
  }

  close(): void {
    this.remove([...(this.#streams?.keys() ?? [])]);
  }

  async #open(topic: Topic): Promise<{ readonly topic: Topic; readonly stream: RenderedStream }> {
    const { clock, delivery, domain, rendering } = this.#options;
    const bearer = bearerIn(this.#identity.connection);
    const subscribeRight = await domain.topics.subscribeRight(bearer.viewer, [topic]);
    const events = await delivery.topicPublished(bearer, subscribeRight, new Map());
    const renderer = counted(this.#options, rendering.publication);
    return { topic, stream: new RenderedStream(events, renderer, clock) };
  }
}

/** Counts a subscription until it ends. */
function counted({ metrics }: RawParts, render: Renderer['render']): Renderer {
  metrics.subscriptions.inc({ transport: 'websocket' });
  return { render, release: () => metrics.subscriptions.dec({ transport: 'websocket' }) };
}

/** Delivers frames to the client, and reports an end that the client did not request. */
function outletOf(
  { connection, reportError }: RawClientIdentity,
  { metrics }: RawParts,
  about: object,
  ended: () => void = () => undefined,
): RawOutlet {
  return new RawOutlet(connection, {
    delivered: (event) => metrics.delivered(event, 'websocket', connection.viewer),
    ended: (error) => {
      ended();
      if (error?.isSlowReader) connection.close(CLOSE_CODES.TRY_AGAIN_LATER, TOO_SLOW);
      else if (error) reportError(error, about);
    },
  });
}
