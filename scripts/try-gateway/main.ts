/** `scripts/try-gateway.sh ROUTER MODE BINARY`: a router, with the shipped files, in front of this service. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ask } from './client.ts';
import { estimate, QUERIES } from './costs.ts';
import { freePort, GATEWAY_SECRET, Program, SECRET } from './programs.ts';
import { ROUTERS } from './routers.ts';
import { STORY, type Stage } from './story.ts';

const [, , name = '', mode = '', binary = ''] = process.argv;
const router = ROUTERS[name];
const files = router?.modes[mode];
if (!router || !files || !binary) {
  const usage = Object.entries(ROUTERS).flatMap(([each, { modes }]) =>
    Object.keys(modes).map((one) => `${each} ${one}`),
  );
  console.error(`Usage: scripts/try-gateway.sh ROUTER MODE BINARY, with ROUTER MODE one of: ${usage.join(', ')}.`);
  process.exit(1);
}
const ROOT = resolve(new URL('../../', import.meta.url).pathname);
const folder = mkdtempSync(join(tmpdir(), 'try-gateway-'));
const [realtimePort, usersPort, routerPort] = [await freePort(), await freePort(), await freePort()];

const service = new Program([process.execPath, '--no-warnings', 'src/main.ts'], {
  cwd: ROOT,
  env: {
    HOST: '127.0.0.1',
    PORT: String(realtimePort),
    JWT_SECRET: SECRET,
    GATEWAY_SECRET,
    DATA_DIR: join(folder, 'data'),
    DRAIN_WINDOW: '200ms',
    CALLBACK_ALLOWED_URLS: `http://127.0.0.1:${routerPort}/callback`,
  },
  health: `http://127.0.0.1:${realtimePort}/health/ready`,
});
const users = new Program([process.execPath, '--no-warnings', 'examples/users-subgraph.ts'], {
  cwd: ROOT,
  env: { PORT: String(usersPort) },
  health: `http://127.0.0.1:${usersPort}/health/detailed`,
});
const programs = [service, users];
try {
  for (const program of programs) await program.start();
  const sdl = await ask(`http://127.0.0.1:${usersPort}/graphql`, null, { query: '{ _service { sdl } }' });
  const usersSdl: string = sdl.data._service.sdl;
  const places = { folder, binary, realtimePort, usersPort, routerPort, usersSdl, mode };
  const env = router.prepare(files, places);
  const running = new Program([resolve(binary), ...(router.args?.(places) ?? [])], {
    cwd: folder,
    env,
    health: `http://127.0.0.1:${routerPort}${router.readyPath}`,
  });
  programs.push(running);
  await running.start();
  const stage: Stage = {
    url: `http://127.0.0.1:${routerPort}/graphql`,
    directUrl: `http://127.0.0.1:${realtimePort}/graphql`,
    service,
    router: running,
  };
  console.log(`| ${name} ${mode} | what its client sees |\n| --- | --- |`);
  // COSTS=1 asks for estimates only, because they need a setting that is not shipped.
  if (process.env['COSTS'])
    for (const query of QUERIES) console.log(`| \`${query}\` | ${await estimate(stage.url, query)} |`);
  const only = process.env['COSTS'] ? '^$' : process.env['ONLY'];
  for (const [what, play] of STORY) {
    if (only && !new RegExp(only).test(what)) continue;
    const seen = await play(stage).catch((error: Error) => `FAILED: ${error.message}`);
    console.log(`| ${what} | ${seen.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`);
  }
  if (process.env['SHOW_OUTPUT']) console.error(running.output);
} finally {
  for (const program of programs.toReversed()) await program.stop('SIGKILL');
  rmSync(folder, { recursive: true });
}
