/** A request to a service, also to one with an untrusted certificate. `fetch` has no option for it. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { text } from 'node:stream/consumers';

export interface Request {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export async function request(
  url: string,
  { method = 'GET', headers = {}, body }: Request = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const begin = url.startsWith('https:') ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const asking = begin(url, { method, headers, agent: false, rejectUnauthorized: false });
    asking.on('error', reject);
    asking.on('response', (response) => {
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, text: body }), reject);
    });
    asking.end(body);
  });
}
