import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { eventually } from '../support/eventually.ts';
import { connectHttp2, gaugesOf, type Http2Answer, type Http2Client } from '../support/http2-client.ts';
import { manyTimes } from '../support/many-times.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { StillClock } from '../support/still-clock.ts';

export const SSE = 'text/event-stream';
export const LARGE = { query: `subscription { topicPublished(topics: ["t"]) { ${manyTimes('payload')} } }` };
export const WINDOW_MS = 10_000;
export const publication = (payload: string) => ({
  query: 'mutation ($payload: JSON!) { publish(topic: "t", payload: $payload) { id } }',
  variables: { payload },
});
export const isOver = (answer: Http2Answer): Promise<void> => eventually(() => expect(answer.end).not.toBeNull());

/** Answers of JSON come whole. */
export async function answered(answer: Http2Answer): Promise<unknown> {
  await isOver(answer);
  expect([answer.status, answer.end]).toEqual([200, 0]);
  return JSON.parse(answer.text);
}

export class Http2Service {
  service!: TestService;
  clock!: StillClock;
  /** Of the user whose streams are opened. */
  token!: string;
  certificate!: TestCertificate;
  readonly #clients: Http2Client[] = [];

  constructor() {
    beforeAll(() => {
      this.certificate = makeCertificate(30);
    });
    beforeEach(() => this.#start());
    afterEach(() => this.#stop());
    afterAll(() => this.certificate.remove());
  }

  get port(): number {
    return this.service.service.port;
  }

  async open(): Promise<Http2Client> {
    const client = await connectHttp2(this.port, this.certificate);
    this.#clients.push(client);
    return client;
  }

  publish(client: Http2Client, payload: string): Promise<unknown> {
    return answered(client.post(this.token, publication(payload)));
  }

  gauges(): Promise<number[]> {
    return gaugesOf(this.port, this.certificate);
  }

  async #start(): Promise<void> {
    this.clock = new StillClock();
    const env = {
      TLS_CERT_FILE: this.certificate.certFile,
      TLS_KEY_FILE: this.certificate.keyFile,
      MAX_QUEUED_BYTES: '64KiB',
      DRAIN_WINDOW: `${WINDOW_MS}ms`,
    };
    this.service = await startTestService({ clock: this.clock, env });
    this.token = await this.service.token('bob');
  }

  async #stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    const closed = this.service.close();
    await eventually(() => {
      this.clock.advance(1_000);
      return Promise.race([closed, Promise.reject(new Error('Not closed yet.'))]);
    });
  }
}
