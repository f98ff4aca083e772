/** Saves the webhook of the relay, once: `node examples/push-relay/save.mjs http://localhost:9000/hooks`. Prints its secret. */
import { ask } from '../ask.mjs';

const url = process.argv[2] ?? 'http://localhost:9000/hooks';
const CONSUMER = 'mutation { saveConsumer(input: { name: "push", events: [USER_UNREACHED] }) { name } }';
const WEBHOOK = `mutation ($url: String!) { saveWebhook(input: { consumer: "push", url: $url }) { secret } }`;

await ask(CONSUMER, {}, { timeoutMs: 30_000 });
const { saveWebhook } = await ask(WEBHOOK, { url });
console.log(saveWebhook.secret);
