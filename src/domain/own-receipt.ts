/** Read receipts of a conversation whose viewer has marked it read, before that is stored. */
import type { MarkedConversation, SeenConversation } from '../access/seen.ts';
import type { ReadReceiptRecord } from '../model.ts';

/** The receipts behind `start` with the viewer's own, in their order. The stored one may be further. */
export function withOwnReceipt(
  conversation: SeenConversation | MarkedConversation,
  receipts: readonly ReadReceiptRecord[],
  start: number,
): readonly ReadReceiptRecord[] {
  if (!('ownReceipt' in conversation)) return receipts;
  const { ownReceipt: own } = conversation;
  const stored = receipts.find(({ ordinal }) => ordinal === own.ordinal);
  if (own.ordinal <= start || (stored && stored.sequence >= own.sequence)) return receipts;
  return [...receipts.filter((each) => each !== stored), own].sort((a, b) => a.ordinal - b.ordinal);
}
