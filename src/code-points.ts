/** Unicode code points, in which lengths and offsets of messages are counted, independent of a language's strings. */

/** The number of code points of a text. */
export function lengthOf(text: string): number {
  let length = text.length;
  for (let index = 0; index < text.length; index += 1) if (isLead(text, index)) length -= 1;
  return length;
}

/** Whether a pair of surrogates begins here: the text is well formed. */
function isLead(text: string, index: number): boolean {
  const unit = text.charCodeAt(index);
  return unit >= 0xd800 && unit < 0xdc00;
}

/** The index, in UTF-16 units, `count` code points past the index `from`. */
export function unitsPast(text: string, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0 && at < text.length; left -= 1) at += isLead(text, at) ? 2 : 1;
  return at;
}
