/** Prints a token for development: `npm run token -- --user alice --tenant demo --scope realtime:admin --hours 24`. */
import { parseArgs } from 'node:util';
import { developmentSecret } from '../src/auth/development-secret.ts';
import { signToken } from '../src/auth/tokens.ts';
import { readConfig } from '../src/config.ts';
import { isIdentifier, isUserId } from '../src/model.ts';

const { values } = parseArgs({
  options: {
    user: { type: 'string', default: 'demo' },
    tenant: { type: 'string' },
    scope: { type: 'string' },
    hours: { type: 'string', default: '24' },
  },
});
const { user, tenant, scope, hours } = values;
if (!isUserId(user) || (tenant !== undefined && !isIdentifier(tenant)) || !(Number(hours) > 0)) {
  console.error('Usage: npm run token -- --user <id> [--tenant <id>] [--scope "<scopes>"] [--hours <number>]');
  process.exit(1);
}
const { jwt, dataDir } = readConfig(process.env);
const secret = jwt.secrets[0] ?? developmentSecret(dataDir);
const expiresAt = Math.floor(Date.now() / 1_000 + Number(hours) * 3_600);
const { tenantClaim, issuer, audience } = jwt;
console.log(await signToken({ secret, userId: user, tenant, tenantClaim, scope, issuer, audience, expiresAt }));
