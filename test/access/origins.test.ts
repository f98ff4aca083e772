/** Which pages may connect, and what is counted and logged of refused ones. */
import { createOriginCheck } from '../../src/access/origins.ts';
import { readConfig } from '../../src/config.ts';
import { captureLog } from '../support/log.ts';
import { TestClock } from '../support/test-clock.ts';
import { silentLog } from '../support/world.ts';

function check(allowed: string, isProduction: boolean) {
  const environment = { JWT_SECRET: 'x'.repeat(32), ...(allowed ? { ALLOWED_ORIGINS: allowed } : {}) };
  const { allowedOrigins } = readConfig(environment);
  const clock = new TestClock();
  return createOriginCheck({ allowedOrigins, isProduction, clock, log: silentLog, countRefused: () => undefined });
}

describe('an origin', () => {
  const HOST = 'chat.example:8081';

  it.each([
    // What React Native and Apollo iOS send: the address they connect to.
    ['', true, 'https://chat.example:8081', HOST, true],
    ['', true, 'ws://chat.example:8081', HOST, true],
    ['', true, 'wss://chat.example', 'chat.example:443', true],
    ['', true, 'http://chat.example', 'CHAT.example:80', true],
    ['', true, 'https://chat.example', HOST, false],
    ['', true, 'https://chat.example.evil.tld:8081', HOST, false],
    ['', true, 'https://shop.example', HOST, false],
    ['', true, 'http://localhost:3000', HOST, false],
    ['', true, 'null', HOST, false],
    ['', true, 'null', 'null', false],
    ['', true, '', '', false],
    ['', true, 'capacitor://localhost', 'localhost', false],
    ['https://shop.example', true, 'https://shop.example', HOST, true],
    ['https://shop.example', true, 'http://shop.example', HOST, false],
    ['https://shop.example', true, 'https://shop.example:444', HOST, false],
    ['https://shop.example', true, 'https://chat.example:8081', HOST, true],
    ['capacitor://localhost,tauri://localhost', true, 'tauri://localhost', HOST, true],
    ['capacitor://localhost', true, 'capacitor://localhost.evil', HOST, false],
    ['https://shop.example', false, 'http://localhost:3000', HOST, false],
    ['*', false, 'https://anything.example', HOST, true],
    ['', false, 'http://localhost:3000', HOST, true],
    ['', false, 'ws://localhost:8081', 'localhost:8081', true],
    ['', false, 'http://[::1]:3000', HOST, true],
    // A phone that opened the development server at the machine's address.
    ['', false, 'http://192.168.1.5:3000', '192.168.1.5:8081', true],
    ['', false, 'http://192.168.1.6:3000', '192.168.1.5:8081', false],
    ['', false, 'http://[fd00::5]:3000', '[fd00::5]:8081', true],
    ['', false, 'http://[fd00::6]:3000', '[fd00::5]:8081', false],
    // A name may be bound to this machine by whoever owns it.
    ['', false, 'http://rebound.example', 'rebound.example:8081', false],
    ['', false, 'https://shop.example', HOST, false],
  ])('with %j listed (production: %s), %s at %s: %s', (listed, isProduction, origin, host, isAllowed) => {
    expect(check(listed, isProduction)(origin, host)).toBe(isAllowed);
  });

  it('that is absent is allowed: it is no browser', () => expect(check('', true)(undefined, HOST)).toBe(true));

  it('that is refused is counted, and logged once a minute with the name of the setting', () => {
    const { log, lines } = captureLog('warn');
    const clock = new TestClock();
    let refused = 0;
    const isAllowed = createOriginCheck({
      allowedOrigins: [],
      isProduction: true,
      clock,
      log,
      countRefused: () => {
        refused += 1;
      },
    });
    for (let n = 0; n < 10; n += 1) isAllowed(`https://shop${n}.example`, HOST);
    expect(lines()).toHaveLength(1);
    clock.advance(60_000);
    isAllowed(`https://late.example/${'x'.repeat(1_000)}`, HOST);
    expect(lines()).toMatchObject([
      { origin: 'https://shop0.example', refused: 1, msg: expect.stringContaining('ALLOWED_ORIGINS') },
      { origin: expect.stringMatching(/^https:\/\/late\.example\/x{179}$/), refused: 10 },
    ]);
    expect(refused).toBe(11);
  });
});
