/** Looks into a position, which is opaque to clients. */
export function partsOfPosition(position: string): [conversationId: string, epoch: string, place: number] {
  const [conversationId = '', epoch = '', place = ''] = Buffer.from(position, 'base64url').toString().split('~');
  return [conversationId, epoch, Number.parseInt(place, 36)];
}
