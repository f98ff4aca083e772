/** Read positions that moved since an instant. They are state, so the latest value is enough. */
import type { Engine } from '../../engine/port.ts';
import { LIMITS } from '../../limits.ts';
import type { ConversationId, ReadReceiptRecord, TenantId } from '../../model.ts';

interface Where {
  readonly tenant: TenantId;
  readonly id: ConversationId;
}

/** Page by page, for any number of members. Rejects as the engine does. */
export async function* receiptsSince(
  engine: Engine,
  { tenant, id }: Where,
  since: number,
): AsyncGenerator<ReadReceiptRecord, void> {
  for (let after = 0; ; ) {
    const page = await engine.listReadReceipts(tenant, id, after, LIMITS.pageSize);
    for (const receipt of page) if (receipt.readAt >= since) yield receipt;
    const last = page.at(-1);
    if (!last || page.length < LIMITS.pageSize) return;
    after = last.ordinal;
  }
}
