/** A service for development, and one of production with a gateway's secret, for the tests of a file. */
import { startTestService, type TestService } from '../support/service.ts';

export const JSON_TYPE = { 'content-type': 'application/json' };

export const bearer = (token: string) => ({ ...JSON_TYPE, authorization: `Bearer ${token}` });

export class HttpServices {
  service!: TestService;
  secret!: TestService;

  constructor() {
    beforeAll(async () => {
      this.service = await startTestService();
      this.secret = await startTestService({
        env: { GATEWAY_SECRET: 'a-secret-of-the-gateway', NODE_ENV: 'production' },
      });
    });
    afterAll(async () => {
      await this.service.close();
      await this.secret.close();
    });
  }

  async post(body: string | Buffer, headers: Record<string, string> = {}, to = this.service) {
    const response = await fetch(`${to.url}/graphql`, { method: 'POST', body, headers });
    const text = await response.text();
    const json = JSON.parse(text) as { data?: Record<string, unknown>; errors?: { extensions: { code: string } }[] };
    return { status: response.status, code: json.errors?.[0]?.extensions.code, data: json.data, text };
  }
}
