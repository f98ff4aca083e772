/**
 * A bot without a socket: it answers messages that begin with `@bot`, also those sent while it was down.
 *
 * `node examples/bot/bot.mjs bot-1`, and as many replicas as needed, each under a member name of its own. Each event goes to
 * one replica at a time. If that replica dies before it acknowledges, another one gets the event again. The message still has
 * one answer, because the answer's `clientMessageId` is the event's id.
 */
import { ask, OperationError } from '../ask.mjs';

const SAVE = `mutation { saveConsumer(input: { name: "bot", events: [MESSAGE_SENT], from: NOW }) { name } }`;
const PULL = `mutation ($member: String!) {
  pullEvents(consumer: "bot", member: $member, max: 20) { events { id subject data } ackToken }
}`;
const ACK = `mutation ($ackToken: String!, $failed: [ID!]) {
  ackEvents(consumer: "bot", ackToken: $ackToken, failed: $failed)
}`;
const SEND = 'mutation ($input: SendMessageInput!) { sendMessage(input: $input) { id } }';

const member = process.argv[2] ?? `bot-${process.pid}`;
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());

async function answer({ id, subject: conversationId, data: message }) {
  const question = /^@bot (.*)$/s.exec(message.content ?? '')?.[1];
  if (!question) return;
  const content = `You said: ${question.toUpperCase()}`;
  try {
    await ask(SEND, { input: { conversationId, content, replyToId: message.id, clientMessageId: `bot:${id}` } });
    console.log(`${member} answered ${message.id}`);
  } catch (error) {
    // The bot is not a member, or the conversation was deleted. Another attempt would not change that.
    if (!(error instanceof OperationError && ['FORBIDDEN', 'NOT_FOUND'].includes(error.code))) throw error;
  }
}

/** Answers in order. After a failure, later events of the same conversation fail as well, so that they are retried in order. */
async function answerAll(events) {
  const failed = [];
  const blocked = new Set();
  for (const event of events) {
    if (!blocked.has(event.subject)) {
      try {
        await answer(event);
        continue;
      } catch (error) {
        console.error(`${member}: ${error.message}`);
        blocked.add(event.subject);
      }
    }
    failed.push(event.id);
  }
  return failed;
}

// An attempt must last longer than the wait of 20 s for events.
const pulling = { patienceMs: Number.POSITIVE_INFINITY, timeoutMs: 30_000, signal: stop.signal };
await ask(SAVE, {}, { timeoutMs: 30_000 });
console.log(`${member} listens`);
while (!stop.signal.aborted) {
  try {
    const { pullEvents } = await ask(PULL, { member }, pulling);
    const failed = await answerAll(pullEvents.events);
    if (pullEvents.events.length > 0) await ask(ACK, { ackToken: pullEvents.ackToken, failed });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
}
