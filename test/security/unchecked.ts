/** Checked by the compiler alone: `npm run check:types` fails when one of these compiles. */
import type { ResolversTypes } from '../../src/__generated__/resolvers.ts';
import { messageInChannel } from '../../src/access/seen.ts';
import type { ConversationRecord, MessageRecord } from '../../src/model.ts';

/** What the engine says of a conversation says nothing of who asks: a resolver that answers it does not compile. */
export function answerUnchecked(conversation: ConversationRecord, message: MessageRecord): void {
  // @ts-expect-error nobody checked who asks
  const first: ResolversTypes['Conversation'] = conversation;
  // @ts-expect-error nobody checked who asks
  const second: ResolversTypes['Message'] = message;
  void [first, second];
}

/** What a channel tells is seen with the access of whoever follows it, which only a check gives. */
export function tellUnchecked(message: MessageRecord): void {
  // @ts-expect-error nobody checked who follows
  messageInChannel({ isTo: () => true }, message);
}
