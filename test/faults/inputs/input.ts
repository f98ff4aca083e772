/** One bad input as it is sent to a running service, and the required outcome. */

import type { CallbackRouter } from '../../support/callback-router.ts';
import type { TestService } from '../../support/service.ts';

/** What inputs are sent to: a service in this process, or in one of its own. */
export interface Target extends Pick<TestService, 'url' | 'wsUrl' | 'token'> {
  readonly port: number;
  /** Where `/ws` is. */
  readonly rawUrl: string;
  /** The one place that `CALLBACK_ALLOWED_URLS` names. */
  readonly router: CallbackRouter;
}

export interface BadInput {
  /** The ids of the catalogue, what is sent, what comes of it. */
  readonly title: string;
  readonly comes: unknown;
  send(target: Target): Promise<unknown>;
}

/** What the target of these inputs is started with. */
export const GATEWAY_SECRET = 'a-secret-of-the-gateway';
export const ORIGIN = 'https://app.example.com';
/** What a gateway that knows the secret sends. */
export const OF_GATEWAY = { 'router-authorization': GATEWAY_SECRET } as const;

export const input = (title: string, comes: unknown, send: BadInput['send']): BadInput => ({ title, comes, send });

/** Fails when an answer tells what only the log may. */
export function withoutSecrets(answer: string): string {
  expect(answer).not.toMatch(/INTERNAL_SERVER_ERROR|node_modules|\bat .*\.ts:|stack/);
  expect(answer).not.toContain(GATEWAY_SECRET);
  return answer;
}
