/** The expiry of a certificate is logged before it happens. */
import { watchCertificate } from '../../src/transport/http/certificate.ts';
import { makeCertificate, type TestCertificate } from '../support/certificate.ts';
import { captureLog, type Line } from '../support/log.ts';
import { TestClock } from '../support/test-clock.ts';

const DAY_MS = 86_400_000;

describe('watchCertificate', () => {
  let certificate: TestCertificate;
  afterEach(() => certificate.remove());

  function watch(days: number) {
    certificate = makeCertificate(days);
    const clock = new TestClock();
    const { log, lines } = captureLog('warn');
    const stop = watchCertificate(certificate.certFile, clock, log, { certificateEnd: 0 });
    let seen = 0;
    return {
      stop,
      /** What is logged while so many days pass, and since it was asked last. */
      toldIn(passing: number): Line[] {
        for (let day = 0; day < passing; day += 1) clock.advance(DAY_MS);
        const told = lines().slice(seen);
        seen += told.length;
        return told;
      },
    };
  }

  it('logs nothing about a certificate that is valid for long, then a warning each day, then its expiry', () => {
    const { toldIn, stop } = watch(30);
    expect(toldIn(15)).toEqual([]);
    const soon = toldIn(14);
    expect(soon.length).toBeGreaterThanOrEqual(13);
    expect(soon[0]).toMatchObject({ level: 40, subject: 'CN=localhost', msg: 'the TLS certificate expires soon' });
    expect(toldIn(2).at(-1)?.msg).toContain('the TLS certificate has expired');
    stop();
    expect(toldIn(5)).toEqual([]);
  });

  it('F42: logs an expired certificate at once', () => {
    const { toldIn, stop } = watch(-1);
    stop();
    expect(toldIn(0)).toMatchObject([
      { level: 50, subject: 'CN=localhost', validTo: expect.any(String), msg: expect.stringContaining('has expired') },
    ]);
  });

  it('logs a certificate that is not valid yet', () => {
    certificate = makeCertificate(30);
    const clock = new TestClock();
    clock.jump(-DAY_MS);
    const { log, lines } = captureLog('warn');
    watchCertificate(certificate.certFile, clock, log, { certificateEnd: 0 })();
    expect(lines()).toMatchObject([{ msg: expect.stringContaining('the TLS certificate is not valid yet') }]);
  });
});
