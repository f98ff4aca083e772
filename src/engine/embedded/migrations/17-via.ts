/** The service that sent a message for its sender, and who deleted it; NULL for older messages. */
export const via = `
ALTER TABLE messages ADD COLUMN via TEXT;
ALTER TABLE messages ADD COLUMN deleted_by TEXT;
`;
