/** Which URLs the callback protocol calls: none that any parser on the way could read as outside the allow-list. */

import { createUrlCheck } from '../../src/access/allowed-urls.ts';
import fc from '../support/fast-check.ts';

const isAllowed = createUrlCheck(['http://router:4000/callback', 'https://hooks.example/a/b/', 'http://bare']);

describe('the allow-list of callbacks', () => {
  it.each([
    'http://router:4000/callback',
    'http://router:4000/callback/',
    'http://router:4000/callback/0b1c-77',
    'http://router:4000/callback/0b1c?id=1&to=../x',
    'HTTP://ROUTER:4000/callback/0b1c',
    'http://router:4000/callback/a/b/c.d',
    'http://router:4000/callback/.well-known/..x',
    'https://hooks.example/a/b/c',
    'https://hooks.example:443/a/b',
    'http://bare',
    'http://bare/',
    'http://bare/anything',
  ])('allows %s', (url) => {
    expect(isAllowed(url)).toBe(true);
  });

  it.each([
    ['another path', 'http://router:4000/admin'],
    ['a path with the same beginning', 'http://router:4000/callbacks'],
    ['a shorter path', 'https://hooks.example/a'],
    ['a path in another case', 'http://router:4000/Callback/x'],
    ['another scheme', 'https://router:4000/callback/x'],
    ['another port', 'http://router:4001/callback/x'],
    ['the default port', 'http://router/callback/x'],
    ['a longer host', 'http://router.evil:4000/callback/x'],
    ['a trailing dot', 'http://router.:4000/callback/x'],
    ['a user name', 'http://me@router:4000/callback/x'],
    ['an empty user name', 'http://@router:4000/callback/x'],
    ['a user name that looks like the host', 'http://router:4000@evil/callback/x'],
    ['a user name behind a backslash', 'http://evil\\@router:4000/callback/x'],
    ['`..` segments', 'http://router:4000/callback/../admin'],
    ['`..` segments that return', 'http://router:4000/x/../callback/y'],
    ['a `.` segment', 'http://router:4000/callback/./x'],
    ['encoded dots', 'http://router:4000/callback/%2e%2e/admin'],
    ['an encoded slash', 'http://router:4000/callback/..%2fadmin'],
    ['an encoded slash in upper case', 'http://router:4000/callback/x%2F..%2F..%2Fadmin'],
    ['an encoded backslash', 'http://router:4000/callback/..%5cadmin'],
    ['a backslash', 'http://router:4000/callback/..\\admin'],
    ['encoded twice', 'http://router:4000/callback/..%252fadmin'],
    ['a parameter of a `..` segment', 'http://router:4000/callback/..;a=b/admin'],
    ['an overlong slash', 'http://router:4000/callback/..%c0%afadmin'],
    ['an encoded zero', 'http://router:4000/callback/..%00/admin'],
    ['an invalid escape', 'http://router:4000/callback/..%u2215admin'],
    ['a tab that parsers drop', 'http://router:4000/callback/.\t./admin'],
    ['a line break before it', '\nhttp://router:4000/callback/x'],
    ['one slash', 'http:/router:4000/callback/x'],
    ['no slash', 'http:router:4000/callback/x'],
    ['no URL', 'callback'],
    ['nothing', ''],
  ])('refuses %s', (_name, url) => {
    expect(isAllowed(url)).toBe(false);
  });

  /** Where the least careful reader ends up: decodes until nothing changes, cuts parameters off, then follows the steps. */
  function worstReading(path: string): string {
    let decoded = path;
    for (let again = 0; again < 5; again += 1) {
      decoded = decoded.replace(/%([0-9a-f]{2})/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)));
    }
    const steps: string[] = [];
    for (const segment of decoded.replace(/[\t\n\r]/g, '').split(/[/\\]/)) {
      const name = segment.replace(/;.*$/, '').replace(/\0.*$/, '');
      if (name === '..') steps.pop();
      else if (name !== '.' && name !== '') steps.push(name);
    }
    return steps.join('/');
  }

  it('allows no URL whose path any parser resolves outside the prefix', () => {
    const piece = fc.constantFrom(
      ...['callback', 'admin', 'a', '.', '..', '...', '/', '//', '\\', '%2f', '%2F', '%5c', '%2e', '%252e', '%25', ';'],
      ...['%00', '\t', '\n', ' ', '@', ':', '?', '#', '%', '%c0%ae', 'é', ';x=1', '%3b'],
    );
    const path = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const authority = fc.constantFrom(
      'router:4000',
      'router:4000/callback',
      'router:4000/callback/',
      'x@router:4000/',
      'router.:4000/',
    );
    let taken = 0;
    fc.assert(
      fc.property(authority, path, (to, rest) => {
        const url = `http://${to}${rest}`;
        if (!isAllowed(url)) return;
        taken += 1;
        expect(new URL(url).host).toBe('router:4000');
        expect(`${worstReading(new URL(url).pathname)}/`).toMatch(/^callback\//);
      }),
      { numRuns: 20_000 },
    );
    expect(taken).toBeGreaterThan(0);
  });
});
