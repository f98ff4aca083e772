/**
 * A link over HTTP only, for networks where sockets do not open: each subscription is a response of server-sent events.
 */

import { type End, endOf, LOST } from './closes.ts';
import { VIEWER } from './documents.ts';
import { Disconnected } from './errors.ts';
import { type Ask, askOver, post } from './http.ts';
import { type Answer, type Carried, Link, type Variables } from './link.ts';
import { HEARD_WITHIN_MS, LOOK_AT_STREAMS_EVERY_MS, SILENT_FOR_MS } from './waits.ts';

const EVENTS = 'text/event-stream';

export interface EventStreamsOptions {
  readonly url: string;
  readonly token: string;
}

export class EventStreams extends Link {
  readonly isHttp = true;
  readonly #url: string;
  readonly #token: string;
  readonly #ask: Ask;
  /** Each open response, and when it is given up unless data arrives. */
  readonly #streams = new Map<AbortController, number>();
  readonly #timer = setInterval(() => {
    for (const silentUntil of this.#streams.values()) if (performance.now() > silentUntil) this.cut();
  }, LOOK_AT_STREAMS_EVERY_MS);

  constructor({ url, token }: EventStreamsOptions) {
    super();
    this.#url = url;
    this.#token = token;
    this.#ask = askOver(url);
    this.request(VIEWER).then(this.opened, (error) =>
      this.cut(error instanceof Disconnected ? { code: LOST, error } : endOf(error)),
    );
  }

  request<Data>(query: string, variables: Variables = {}): Promise<Data> {
    return this.isOver ? Promise.reject(new Disconnected()) : this.#ask<Data>(query, variables, this.#token);
  }

  check(): void {
    for (const [stream, silentUntil] of this.#streams)
      this.#streams.set(stream, Math.min(silentUntil, performance.now() + HEARD_WITHIN_MS));
  }

  protected carry<Data>(query: string, variables: Variables, sink: Carried<Data>): () => void {
    const stream = new AbortController();
    const stop = (): void => {
      this.#streams.delete(stream);
      stream.abort();
    };
    this.#heard(stream);
    this.#read(stream, { query, variables }, sink)
      .catch(() => sink.error(null))
      .finally(stop);
    return stop;
  }

  protected release(_end: End): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams.keys()) stream.abort();
    this.#streams.clear();
  }

  async #read<Data>(stream: AbortController, body: object, sink: Carried<Data>): Promise<void> {
    const response = await post(this.#url, this.#token, body, stream.signal, EVENTS);
    if (!response.headers.get('content-type')?.startsWith(EVENTS))
      return sink.error(((await response.json()) as Answer<Data>).errors);
    const reader = response.body?.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done) return sink.complete();
      this.#heard(stream);
      text += decoder.decode(part.value, { stream: true });
      const events = text.split(/\r?\n\r?\n/);
      text = events.pop() ?? '';
      for (const event of events) {
        if (/^event: ?complete/m.test(event)) return sink.complete();
        const data = [...event.matchAll(/^data: ?(.*)/gm)].map(([, line]) => line).join('\n');
        if (data) sink.next(JSON.parse(data) as Answer<Data>);
      }
    }
  }

  #heard(stream: AbortController): void {
    this.#streams.set(stream, performance.now() + SILENT_FOR_MS);
  }
}
