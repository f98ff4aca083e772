/** Reactions: one spelling of each emoji, and nothing that is no emoji. */
import { emojiOf } from '../../src/domain/emoji.ts';

const spelled = (emoji: string): string => {
  try {
    return emojiOf(emoji);
  } catch {
    return 'refused';
  }
};

describe('an emoji', () => {
  it.each([
    ['👍', '👍\ufe0f'],
    ['❤\ufe0f', '❤'],
    ['1\ufe0f\u20e3', '1\u20e3'],
    ['🏳\ufe0f\u200d🌈', '🏳\u200d🌈'],
    ['👁\ufe0f\u200d🗨\ufe0f', '👁\u200d🗨'],
    ['🕵🏽\u200d♂\ufe0f', '🕵🏽\u200d♂'],
    ['🇩🇪', '🇩🇪\ufe0f'],
    [
      '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
      '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    ],
  ])('%s is an emoji, in every spelling', (emoji, other) => {
    expect(spelled(emoji)).toBe(emoji);
    expect(spelled(other)).toBe(emoji);
  });

  it('with another skin tone is a different emoji', () => {
    expect(new Set(['👍', '👍🏻', '👍🏽', '👍🏿'].map(spelled)).size).toBe(4);
  });

  it.each([':tada:', ':+1:', ':white_check_mark:'])('%s is a short code', (code) => expect(spelled(code)).toBe(code));

  it.each([
    '',
    ' ',
    '\u200b',
    '\ufe0f',
    '\u200d',
    'x',
    '1',
    '#',
    '👍👍',
    '👍 ',
    '👍\u200b',
    '❤\ufe0e',
    '::',
    ': :',
    ':a:b',
    `:${'a'.repeat(100)}:`,
    '🇩',
    '\u202e👍',
  ])('%j is no emoji', (text) => expect(spelled(text)).toBe('refused'));
});
