/** Read receipts of a conversation, with a receipt of the viewer that is not stored yet. */
import type { MarkedConversation, SeenConversation } from '../access/seen.ts';
import type { ReadReceiptRecord } from '../model.ts';

/** The receipts after `start`, in order, with the viewer's own. The viewer's stored receipt may be further ahead. */
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
