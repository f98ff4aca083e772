/** A self-signed certificate for localhost, made by openssl. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly pem: string;
  remove(): void;
}

/** Ends so many days from now; it has ended when they are negative. */
export function makeCertificate(days: number): TestCertificate {
  const dir = mkdtempSync(join(tmpdir(), 'realtime-tls-'));
  const [certFile, keyFile, request] = ['cert.pem', 'key.pem', 'request.pem'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const openssl = (...words: string[]): void => {
    const { status, stderr } = spawnSync('openssl', words);
    if (status !== 0) throw new Error(String(stderr));
  };
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', keyFile];
  openssl('req', '-new', ...key, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-out', request);
  const copied = ['-copy_extensions', 'copy'];
  openssl('x509', '-req', '-in', request, '-key', keyFile, '-days', String(days), ...copied, '-out', certFile);
  return {
    certFile,
    keyFile,
    pem: readFileSync(certFile, 'utf8'),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}
