/** Prints a token for development: `npm run token -- --user alice --tenant demo --scope realtime:admin --hours 24`. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { developmentSecret, hasDevelopmentSecret } from '../src/access/development-secret.ts';
import { signToken } from '../src/access/tokens.ts';
import { readConfig } from '../src/config.ts';
import { isIdentifier, isUserId } from '../src/model.ts';

const USAGE =
  'Usage: npm run token -- --user <id> [--tenant <id>] [--scope "realtime:admin realtime:service"] [--hours <number>] [--subscribe <topics>]';

function refuse(...lines: string[]): never {
  console.error([...lines, USAGE].join('\n'));
  process.exit(1);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        user: { type: 'string', default: 'demo' },
        tenant: { type: 'string' },
        scope: { type: 'string' },
        hours: { type: 'string', default: '24' },
        subscribe: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message.split('\n')[0] ?? '');
  }
}

const { user, tenant, scope, hours, subscribe, help } = readArguments();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
if (!isUserId(user) || (tenant !== undefined && !isIdentifier(tenant)) || !(Number(hours) > 0)) refuse();
// Node's own option would report a missing file on every call.
if (existsSync('.env')) process.loadEnvFile('.env');
const { jwt, dataDir } = readConfig(process.env);
if (jwt.secrets.length === 0 && !hasDevelopmentSecret(dataDir)) {
  console.error(
    `There is no development secret in ${dataDir} yet, so one is made. A service with another DATA_DIR, or with JWT_SECRET, refuses this token: run this command with the settings of the service.`,
  );
}
const secret = jwt.secrets[0] ?? developmentSecret(dataDir);
const expiresAt = Math.floor(Date.now() / 1_000 + Number(hours) * 3_600);
const { tenantClaim, issuer, audience } = jwt;
// As in `topics_subscribe`: patterns of the topics that the token may hear, here separated by spaces.
const topics = subscribe === undefined ? undefined : { publish: null, subscribe: subscribe.split(' ').filter(Boolean) };
console.log(await signToken({ secret, userId: user, tenant, tenantClaim, scope, issuer, audience, expiresAt, topics }));
