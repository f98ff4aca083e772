/** The reactions that a message may have: an emoji of Unicode, or a short code. */
import { badInput } from '../errors.ts';
import { LIMITS } from '../limits.ts';

const SHORT_CODE = /^:[A-Za-z0-9_+-]+:$/;
/** One recommended emoji (Unicode Technical Standard 51, ED-27). */
const EMOJI = /^\p{RGI_Emoji}$/v;
const PRESENTATION = '\ufe0f';

/** Characters that are shown as text unless U+FE0F or a skin tone follows. */
const TEXT_BY_DEFAULT = /[\p{Emoji}--\p{Emoji_Presentation}](?!\p{Emoji_Modifier})/gv;

/**
 * The canonical spelling of an emoji: fully qualified (UTS 51, ED-18), so that spellings with and without U+FE0F are
 * equal. Skin tones make different emojis.
 *
 * @throws {ServiceError} BAD_USER_INPUT for a text that is neither an emoji nor a short code.
 */
export function emojiOf(value: string): string {
  if (value.length <= LIMITS.emojiCharacters) {
    if (SHORT_CODE.test(value)) return value;
    const bare = value.replaceAll(PRESENTATION, '');
    const emoji = [bare, bare.replace(TEXT_BY_DEFAULT, `$&${PRESENTATION}`)].find((each) => EMOJI.test(each));
    if (emoji !== undefined) return emoji;
  }
  throw badInput('emoji: must be one emoji, or a short code such as `:tada:`.');
}
