/** The specification GraphQL over HTTP, judged by the audits of graphql-http. */
import { serverAudits } from 'graphql-http';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let token: string;
beforeAll(async () => {
  service = await startTestService();
  token = await service.token('alice');
});
afterAll(() => service.close());

const audits = serverAudits({
  url: () => `${service.url}/graphql`,
  fetchFn: (url: string, init: RequestInit = {}) =>
    fetch(url, {
      ...init,
      // Queries by GET need what a browser sends only after a preflight.
      headers: { ...init.headers, authorization: `Bearer ${token}`, 'apollo-require-preflight': '1' },
    }),
});

it.each(audits.map((audit) => [`${audit.id}: ${audit.name}`, audit] as const))('%s', async (_, audit) => {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    throw new Error(`${result.reason}`);
  }
});
