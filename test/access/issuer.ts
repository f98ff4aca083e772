/** An issuer of tokens with a JWKS endpoint, which counts its requests. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';

export const ISSUER = 'https://id.example';
export const AUDIENCE = 'realtime';

export interface Issuer {
  /** Of its keys. */
  readonly url: string;
  readonly requests: number;
  /** The text of its public RSA key, which everybody may have. */
  readonly pem: string;
  readonly jwk: string;
  /** A token signed with its ES256 key, or with one of the same kind that is not published. */
  sign(payload: object, header?: object, isKnown?: boolean): Promise<string>;
  close(): void;
}

export async function startIssuer(): Promise<Issuer> {
  const rsa = await generateKeyPair('RS256', { extractable: true });
  const [ec, other] = [await generateKeyPair('ES256', { extractable: true }), await generateKeyPair('ES256')];
  const published = async (publicKey: CryptoKey, alg: string) => ({
    ...(await exportJWK(publicKey)),
    alg,
    kid: alg,
    use: 'sig',
  });
  const keys = [await published(rsa.publicKey, 'RS256'), await published(ec.publicKey, 'ES256')];
  let requests = 0;
  // Its port may have been another's a moment ago, and be asked for that.
  const path = `/${randomUUID()}`;
  const server: Server = createServer((request, response) => {
    if (request.url === path) requests += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    get requests() {
      return requests;
    },
    pem: await exportSPKI(rsa.publicKey),
    jwk: JSON.stringify(keys[0]),
    sign: (payload, header = {}, isKnown = true) =>
      new SignJWT({ ...payload })
        .setProtectedHeader({ alg: 'ES256', kid: 'ES256', ...header })
        .sign(isKnown ? ec.privateKey : other.privateKey),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
