/** Checked by the compiler alone: `npm run check:types` fails when one of these compiles. */
import type { ResolversTypes } from '../../src/__generated__/resolvers.ts';
import type { ConversationRecord, MessageRecord } from '../../src/model.ts';

/** What the engine says of a conversation says nothing of who asks: a resolver that answers it does not compile. */
export function answerUnchecked(conversation: ConversationRecord, message: MessageRecord): void {
  // @ts-expect-error nobody checked who asks
  const first: ResolversTypes['Conversation'] = conversation;
  // @ts-expect-error nobody checked who asks
  const second: ResolversTypes['Message'] = message;
  void [first, second];
}
