/**
 * Receives the webhook of `save.mjs` and notifies users who were not reached: `node examples/push-relay/relay.mjs`.
 *
 * The relay needs the package `standardwebhooks` and the secret in `WEBHOOK_SECRET`. The service sends a failed event again,
 * and an event may come twice. Several replicas of a relay must keep the ids of handled events in a shared store.
 */
import { createServer } from 'node:http';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { push } from './push.mjs';

const webhook = new Webhook(process.env.WEBHOOK_SECRET ?? '');
const LONGEST_BODY_BYTES = 256 * 1024;
const REMEMBERED_IDS = 10_000;
/** Ids of handled events, oldest first. */
const handled = new Set();

async function bodyOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > LONGEST_BODY_BYTES) throw new Error('The body is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Returns the status of the answer: 2xx acknowledges the event; after any other status the service sends it again. */
async function handle(request) {
  const body = await bodyOf(request);
  let event;
  try {
    event = webhook.verify(body, request.headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return 401;
    throw error;
  }
  if (event.type !== 'user.unreached' || handled.has(event.id)) return 204;
  await push(event);
  handled.add(event.id);
  if (handled.size > REMEMBERED_IDS) handled.delete(handled.values().next().value);
  return 204;
}

const server = createServer(async (request, response) => {
  let status = 500;
  try {
    status = await handle(request);
  } catch (error) {
    console.error(error.message);
  }
  response.writeHead(status).end();
});
server.listen(Number(process.env.PORT ?? 9000), () =>
  console.log(`The relay listens on port ${server.address().port}.`),
);
