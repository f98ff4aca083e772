/** One HTTP/2 connection to a service that serves TLS, and its streams. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import type { TestCertificate } from './certificate.ts';
import { eventually } from './eventually.ts';

export interface Http2Answer {
  readonly stream: ClientHttp2Stream;
  /** 0 before the headers came. */
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** The code with which the stream ended, 0 for a whole response; null while it is open. */
  readonly end: number | null;
}

export interface Http2Client {
  readonly session: ClientHttp2Session;
  /** The codes of the GOAWAYs that came. */
  readonly goneAway: readonly number[];
  readonly isClosed: boolean;
  ask(headers: OutgoingHttpHeaders, body?: string): Http2Answer;
  /** A request of GraphQL. `accept` left out: an answer in JSON. */
  post(token: string, body: object, accept?: string): Http2Answer;
  close(): void;
}

export async function connectHttp2(port: number, certificate: TestCertificate): Promise<Http2Client> {
  const session = connect(`https://127.0.0.1:${port}`, { ca: certificate.pem, servername: 'localhost' });
  session.on('error', () => undefined);
  const goneAway: number[] = [];
  session.on('goaway', (code) => goneAway.push(code));
  let isClosed = false;
  session.on('close', () => {
    isClosed = true;
  });
  await eventually(() => expect(session.encrypted).toBe(true));

  function ask(headers: OutgoingHttpHeaders, body?: string): Http2Answer {
    const stream = session.request(headers, { endStream: body === undefined });
    let [status, text, end]: [number, string, number | null] = [0, '', null];
    let received: Http2Answer['headers'] = {};
    stream.on('error', () => undefined).setEncoding('utf8');
    stream.on('response', (given) => {
      received = given;
      status = Number(given[':status']);
    });
    stream.on('data', (chunk: string) => {
      text += chunk;
    });
    stream.on('close', () => {
      end = stream.rstCode ?? 0;
    });
    if (body !== undefined) stream.end(body);
    return {
      stream,
      get status() {
        return status;
      },
      get headers() {
        return received;
      },
      get text() {
        return text;
      },
      get end() {
        return end;
      },
    };
  }
  return {
    session,
    goneAway,
    get isClosed() {
      return isClosed;
    },
    ask,
    post: (token, body, accept = 'application/json') =>
      ask(
        {
          ':method': 'POST',
          ':path': '/graphql',
          accept,
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
        },
        JSON.stringify(body),
      ),
    close: () => session.destroy(),
  };
}

/** Those of a service's streams: connections, subscriptions, and bytes that wait for readers. */
export async function gaugesOf(port: number, certificate: TestCertificate): Promise<number[]> {
  const reader = await connectHttp2(port, certificate);
  const metrics = reader.ask({ ':path': '/metrics' });
  await eventually(() => expect(metrics.end).not.toBeNull());
  reader.close();
  return ['connections', 'subscriptions', 'queued_bytes'].map((name) =>
    [...metrics.text.matchAll(new RegExp(`^realtime_${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))]
      .map(([, value]) => Number(value))
      .reduce((sum, value) => sum + value, 0),
  );
}
