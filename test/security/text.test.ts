/** Texts are normalised in time proportional to their length, whatever they contain (G16). */

import { text } from '../../src/domain/input.ts';
import fc from '../support/fast-check.ts';

/** Letters that compose, Hangul, and marks of several classes, two of which take two units each. */
const PIECES = ['a', 'e', '\n', 'ᄀ', 'ᅡ', 'ᆨ', '가', '\u0301', '\u0315', '\u0316', '\u0327', '\u{1d165}', '\u{1d16d}'];
const LONG = `a${'\u{1d16d}'.repeat(3_999)}${'\u{1d165}'.repeat(4_000)}`;

const clean = (value: string): string => text(value, 'content', 1, 8_000);
const pieces = (value: string): string[] => [...value.normalize('NFD')].toSorted();

it('texts are normalised to NFC', () => {
  const texts = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 90 }).map((all) => all.join(''));
  fc.assert(fc.property(texts, (value) => clean(value) === value.normalize('NFC')));
  fc.assert(fc.property(texts, (value) => clean(`${value}x`.repeat(9)) === `${value}x`.repeat(9).normalize('NFC')));
});

it('texts with thousands of combining marks in a row lose none of them', () => {
  expect(pieces(clean(LONG))).toEqual(pieces(LONG));
  expect(clean(LONG)).not.toBe(LONG.normalize('NFC'));
});
