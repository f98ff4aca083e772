/** A member whose answers are read while they are written. Its texts are in this file: it uses no model. */
import { createRealtime, type Realtime } from '../../client/src/index.ts';
import { tokenOf } from './tokens.ts';

export const ASSISTANT = 'assistant';

const ANSWERS = [
  'You read this while it is being written. Each few words are one append: the service stores it before it answers, merges what comes within 40 ms into one event, and tells it to everyone who reads along.\n\nCut a connection now and mend it again: the text goes on exactly where it was, without a word missing or twice.',
  'A connection that comes back names the last checkpoint it was given, and the position of each message since. The service then tells what happened in between, in order, each thing once, and says "live" when that is done.\n\nOpen "Inspect" below a person and look at Positions to see what would be sent next.',
  'A message that is written without a connection is not lost. It waits in the outbox under an id of its own, and is sent under that id as often as it takes, so the service stores it once.\n\nTry it: cut a connection, send three messages, reload this page, and mend the connection.',
];
const PAUSE_MS = 45;

async function* words(text: string): AsyncGenerator<string> {
  for (const word of text.split(/(?<=\s)/)) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    yield word;
  }
}

let chat: Realtime | null = null;
let answered = 0;

/** Answers this message in its conversation. Resolves when the answer is complete, or a reader has stopped it. */
export async function answer(conversationId: string, messageId: string): Promise<void> {
  chat ??= createRealtime({
    url: `${location.origin}/graphql`,
    getToken: () => tokenOf(ASSISTANT),
    deviceId: 'console',
  });
  const text = ANSWERS[answered % ANSWERS.length] ?? '';
  answered += 1;
  await chat.conversation(conversationId).stream(words(text), { replyTo: messageId });
}
