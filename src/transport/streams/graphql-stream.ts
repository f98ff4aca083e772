/** Subscriptions over HTTP: recognises their requests and answers each. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLError, GraphQLFormattedError, OperationTypeNode } from 'graphql';
import * as z from 'zod';
import type { IsUrlAllowed } from '../../access/allowed-urls.ts';
import type { Subscription } from '../../delivery/rendered-stream.ts';
import { badInput, ServiceError, unavailable } from '../../errors.ts';
import type { Caller, Context } from '../../graphql/context.ts';
import { type FormatError, toGraphQLError } from '../../graphql/errors.ts';
import { type Execution, FAULT, isSubscription, type OperationRequest } from '../../graphql/execution.ts';
import { errorOfPaying } from '../../graphql/operations.ts';
import type { ConnectionType, Viewer } from '../../model.ts';
import { dropBody } from '../http/arriving-bodies.ts';
import { passHeaders } from '../http/browser.ts';
import type { CallerOptions } from '../http/caller.ts';
import type { UserCaps } from '../peers/subscription-caps.ts';
import { CallbackStream } from './callback.ts';
import { type CallbackRefusals, CallbackTarget } from './callback-endpoint.ts';
import { HttpStream, writeWhole } from './http-stream.ts';
import { MULTIPART } from './multipart.ts';
import { SSE } from './sse.ts';
import { type Acceptable, accepted, type StreamFormat, takesAnything } from './stream-format.ts';
import type { StreamPeer, Streams } from './streams.ts';

export interface GraphqlStreamOptions extends CallerOptions {
  readonly execution: Execution;
  readonly formatError: FormatError;
  readonly createContext: (caller: Caller) => Context;
  readonly streams: Streams;
  readonly rooms: UserCaps;
  readonly isCallbackAllowed: IsUrlAllowed;
  readonly refusals: CallbackRefusals;
}

/** Answers a request whose response is a stream; false for all others. */
export type AnswerByStream = (
  request: FastifyRequest,
  reply: FastifyReply,
  caller: Caller,
  /** Why the request has no document; null: it has one. */
  fault: GraphQLError | null,
) => Promise<boolean>;

const Body = z.object({
  query: z.string(),
  operationName: z.string().nullish(),
  variables: z.record(z.string(), z.unknown()).nullish(),
  extensions: z.record(z.string(), z.unknown()).nullish(),
});
type Body = z.infer<typeof Body>;

/** The formats of a stream. */
type Way = Exclude<Acceptable, 'json'>;

const FORMATS = { sse: SSE, multipart: MULTIPART } as const;

/** The body of a request; null when it is not a GraphQL request, which is reported elsewhere. */
export function bodyOf(request: Pick<FastifyRequest, 'method' | 'body' | 'query'>): Body | null {
  if (request.method === 'POST') return Body.safeParse(request.body).data ?? null;
  const { query, operationName, variables, extensions } = request.query as Record<string, unknown>;
  const parsed = (text: unknown): unknown => {
    try {
      return typeof text === 'string' ? JSON.parse(text) : undefined;
    } catch {
      return text;
    }
  };
  const body = { query, operationName, variables: parsed(variables), extensions: parsed(extensions) };
  return Body.safeParse(body).data ?? null;
}

export function createGraphqlStream(options: GraphqlStreamOptions): AnswerByStream {
  const { execution, streams } = options;
  return async (request, reply, caller, fault) => {
    const given = bodyOf(request);
    if (!given) return false;
    const body = { ...given, [FAULT]: fault };
    const { accept } = request.headers;
    const ways = accepted(accept);
    const { bearer, isProvenGateway: isGateway } = caller;
    if (!bearer && !isGateway) {
      // Without a known caller the document is not parsed.
      if (ways.length > 0 && ways.every((way) => way === 'sse')) throw caller.refusal;
      return false;
    }
    // All other requests are answered elsewhere, and parsed there only.
    const mayBeStream = body.query.includes('subscription') || !(ways.length === 0 || ways.includes('json'));
    if (!mayBeStream) return false;
    const kind = execution.kindOf(body, caller.meter);
    if (!isForStream(kind, ways)) return false;
    if (kind === 'mutation' && request.method === 'GET') return false;
    const named = ways.find((each): each is Way => each !== 'json');
    if (!named && !takesAnything(accept)) throw notAcceptable();
    const way = named ?? 'sse';
    const enter: Enter = (peer) => {
      if (streams.enter(peer, request.raw, isGateway)) return;
      // A client waits for the end of this node's drain. A gateway is not told to wait: it may ask another node at once.
      throw unavailable(undefined, isGateway ? undefined : streams.retryAfterMs);
    };
    const identify = (): Viewer => {
      if (!bearer) throw caller.refusal;
      if (kind === 'subscription') countStream(bearer.viewer, isGateway, options);
      return bearer.viewer;
    };
    const lastEventId = way === 'sse' ? lastEventIdOf(request) : null;
    const context = options.createContext({ ...caller, lastEventId });
    const asked: Asked = { body, identify, context, enter, isGateway };
    if (way === 'callback') await answerByCallback(asked, reply, options);
    else await answerInFormat(FORMATS[way], asked, reply, options);
    return true;
  };
}

/** The position that a reconnecting `EventSource` sends. */
function lastEventIdOf({ headers }: FastifyRequest): string | null {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? id : null;
}

function countStream(viewer: Viewer, isGateway: boolean, { rateLimits }: GraphqlStreamOptions): void {
  if (isGateway) rateLimits.openStreamOfGateway(viewer);
  else rateLimits.openStream(viewer);
}

/**
 * Whether a stream answers a request that accepts these formats.
 *
 * Queries and mutations are only for graphql-sse clients, which accept nothing else. An invalid document, whose kind is
 * unknown, is reported in a format that the request accepts.
 */
function isForStream(kind: OperationTypeNode | null, ways: readonly Acceptable[]): boolean {
  if (kind === 'subscription') return true;
  if (ways.length === 0 || ways.includes('json')) return false;
  return kind === null || ways.every((way) => way === 'sse');
}

function notAcceptable(): GraphQLError {
  const ways = 'text/event-stream, multipart/mixed;subscriptionSpec=1.0, application/json;callbackSpec=1.0';
  return toGraphQLError(badInput(`Accept: a subscription over HTTP must allow ${ways}.`), 406);
}

/** The subscription, or the errors that prevent it, or the response to another operation. */
async function run(
  body: OperationRequest,
  context: Context,
  { viewer, lifetime }: StreamPeer,
  { execution, rooms }: GraphqlStreamOptions,
): Promise<Subscription | { readonly errors?: readonly GraphQLError[] }> {
  const args = execution.prepare(body, context);
  if (!('document' in args)) return { errors: args };
  if (execution.kindOf(body, context.meter) !== 'subscription') return execution.execute(args);
  const room = rooms.of(viewer);
  const refusal = errorOfPaying(() => {
    const held = room.open(args);
    lifetime.onEnd(() => room.close(held));
  });
  return refusal ? { errors: [refusal] } : execution.subscribe(args);
}

/** A request for a stream, and its caller. */
interface Asked {
  readonly body: Body & OperationRequest;
  /** The caller, counted. @throws {ServiceError} without a caller, or over a rate. */
  readonly identify: () => Viewer;
  readonly context: Context;
  readonly enter: Enter;
  /** Whether the caller is a gateway, which gets a refusal in the format it asked for. */
  readonly isGateway: boolean;
}

/** Admits a stream and counts it. @throws {ServiceError} SERVICE_UNAVAILABLE when there is no room. */
type Enter = (peer: StreamPeer) => void;

async function answerInFormat(
  format: StreamFormat,
  asked: Asked,
  reply: FastifyReply,
  options: GraphqlStreamOptions,
): Promise<void> {
  try {
    await openInFormat(format, asked, reply, options);
  } catch (error) {
    if (!asked.isGateway || reply.sent) throw error;
    takeOver(reply);
    writeWhole(reply.raw, format, options.streams.timing, [options.formatError(error)]);
  }
}

/** Fastify keeps a request until its response ends, so the body would be held as long as the stream. */
function takeOver(reply: FastifyReply): void {
  passHeaders(reply);
  reply.hijack();
  dropBody(reply);
}

async function openInFormat(
  format: StreamFormat,
  { body, identify, context, enter, isGateway }: Asked,
  reply: FastifyReply,
  options: GraphqlStreamOptions,
): Promise<void> {
  const { streams, formatError } = options;
  const response = reply.raw;
  const outletOptions = streams.outletOptions(identify(), format.transport);
  const stream = new HttpStream(response, { ...outletOptions, format, isGateway });
  enter(stream);
  streams.takeOver(response.req.socket, stream);
  await streams.add(stream, format.transport, format.connectionType);
  const result = await run(body, context, stream, options);
  if (isSubscription(result)) return begin(result, stream);
  if (!stream.isOpen) return;
  takeOver(reply);
  stream.open();
  const { errors, ...rest } = result;
  const formatted = errors?.map(formatError);
  if ('data' in rest)
    stream.deliver(Buffer.from(JSON.stringify(formatted ? { ...rest, errors: formatted } : rest)), {});
  stream.finish('data' in rest ? null : (formatted ?? null));

  function begin(subscription: Subscription, outlet: HttpStream): void {
    outlet.lifetime.onEnd(() => subscription.close());
    if (!outlet.isOpen) return;
    takeOver(reply);
    outlet.open();
    streams.opened(outlet, format.transport);
    outlet.identify(subscription.idOf);
    subscription.pipe(outlet);
  }
}

/** The router's endpoint in a request. @throws {ServiceError} when it is not allowed. */
function targetOf({ extensions }: Body, { isCallbackAllowed }: GraphqlStreamOptions): CallbackTarget {
  const target = CallbackTarget.safeParse(extensions?.['subscription']);
  if (!target.success) throw badInput('extensions.subscription: must have callbackUrl, subscriptionId and verifier.');
  if (isCallbackAllowed(target.data.callbackUrl)) return target.data;
  throw toGraphQLError(new ServiceError('FORBIDDEN', 'callbackUrl: is not allowed by CALLBACK_ALLOWED_URLS.'), 403);
}

async function answerByCallback(
  { body, identify, context, enter, isGateway }: Asked,
  reply: FastifyReply,
  options: GraphqlStreamOptions,
): Promise<void> {
  const { streams, formatError, refusals } = options;
  const target = targetOf(body, options);
  /** Runs after the answer, since the answer tells the router that the subscription exists. */
  const afterwards = (act: () => void): void => {
    if (reply.raw.destroyed) act();
    else reply.raw.once('close', act);
  };
  const refuse = (errors: readonly GraphQLFormattedError[]): void =>
    afterwards(() => void refusals.report(target, errors));
  let stream: CallbackStream | null = null;
  // The stream waits until its router is proven: by the secret, or by confirming that it asked.
  let isWaiting = isGateway;
  try {
    stream = new CallbackStream(target, streams.outletOptions(identify(), 'callback'));
    // Counted before the router is asked, so that a router that does not answer cannot open more.
    enter(stream);
    isWaiting = await stream.check();
    if (!isWaiting) throw badInput('callbackUrl: the endpoint did not confirm the subscription.');
    await streams.add(stream, 'callback', 'CALLBACK' satisfies ConnectionType);
    const result = await run(body, context, stream, options);
    if (isSubscription(result)) begin(result, stream);
    else {
      stream.abandon();
      const errors = result.errors?.map(formatError) ?? [];
      refuse(errors);
      await reply.code(200).send({ data: null, errors });
      return;
    }
  } catch (error) {
    stream?.abandon();
    if (isWaiting) refuse([formatError(error)]);
    throw error;
  }
  await reply.code(200).send({ data: null });

  function begin(subscription: Subscription, outlet: CallbackStream): void {
    outlet.lifetime.onEnd(() => subscription.close());
    streams.opened(outlet, 'callback');
    afterwards(() => {
      if (outlet.isOpen) subscription.pipe(outlet);
    });
  }
}
