/** The accepted schema, on which others rely. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  buildASTSchema,
  buildClientSchema,
  buildSchema,
  type GraphQLNamedType,
  type GraphQLSchema,
  getIntrospectionQuery,
  isSpecifiedScalarType,
  parse,
  printType,
} from 'graphql';
import { breakingChanges, currentSdl, readSnapshot } from '../../scripts/schema-snapshot.ts';
import { startTestService } from '../support/service.ts';

const run = promisify(execFile);

describe('the accepted schema', () => {
  it('has no breaking change; `npm run schema:accept` accepts one', async () => {
    expect(await breakingChanges(readSnapshot(), currentSdl())).toEqual([]);
  });

  it('equals the present schema; `npm run generate` adds additions', () => {
    expect(readSnapshot()).toBe(currentSdl());
  });

  it('equals the answer of the service and the output of npm run schema:print, which starts nothing', async () => {
    const service = await startTestService();
    const { data } = await service.query(null, '{ _service { sdl } }');
    await service.close();
    // A port that cannot be had and no place for data: nothing listens, nothing is opened.
    const env = { ...process.env, PORT: '1', DATA_DIR: '/nowhere/at/all' };
    const { stdout } = await run('npm', ['run', '--silent', 'schema:print'], { env });
    expect(stdout).toBe(`${data._service.sdl.trim()}\n`);
  });

  it('equals the schema for clients, except for what only gateways read', async () => {
    const { stdout } = await run(process.execPath, ['--no-warnings', 'scripts/print-schema.ts', '--api']);
    // Compilers of other languages know no extension of a schema, no directive they were not told of, and no name of federation.
    expect(stdout).not.toMatch(/^extend |^directive |@(?!specifiedBy)[a-z]+\(|federation__|link__|\b_[A-Za-z]/m);
    const client = buildSchema(stdout);
    const written = buildASTSchema(parse(currentSdl()), { assumeValidSDL: true });
    for (const { name } of Object.values(client.getTypeMap())) {
      const [mine, whole] = [client, written].map((schema) => printType(schema.getType(name) as GraphQLNamedType));
      expect(mine).toBe(whole?.replace(/^ {2}_(entities|service)\b.*\n/gm, ''));
    }
    const isKept = ({ name }: GraphQLNamedType): boolean => !/^_|__/.test(name);
    expect(
      Object.keys(client.getTypeMap())
        .filter((name) => !name.startsWith('__'))
        .sort(),
    ).toEqual(
      Object.values(written.getTypeMap())
        .filter(isKept)
        .map(({ name }) => name)
        .sort(),
    );
  });

  it('equals the result of introspection, including descriptions', async () => {
    const service = await startTestService();
    const { data } = await service.query(null, getIntrospectionQuery({ specifiedByUrl: true }));
    await service.close();
    const introspected = buildClientSchema(data);
    const written = buildASTSchema(parse(currentSdl()), { assumeValidSDL: true });
    const isOurs = (type: GraphQLNamedType): boolean => !type.name.startsWith('_') && !isSpecifiedScalarType(type);
    // Federation's own names are no types of ours, and nobody generates code from them.
    const namesOf = (schema: GraphQLSchema): string[] =>
      Object.values(schema.getTypeMap())
        .filter((type) => isOurs(type) && !/^(federation__|link__)/.test(type.name))
        .map(({ name }) => name)
        .sort();
    expect(namesOf(introspected)).toEqual(namesOf(written));
    for (const name of namesOf(written)) {
      const [seen, said] = [introspected, written].map((schema) => printType(schema.getType(name) as GraphQLNamedType));
      expect(seen?.replace(/^ {2}_(entities|service)\b.*\n/gm, '')).toBe(
        said?.replace(/^ {2}_(entities|service)\b.*\n/gm, ''),
      );
    }
  });

  it.each([
    ['a field taken away', 'viewer: User!', 'caller: User!', /'viewer' was removed/],
    ['a type made nullable', 'viewer: User!', 'viewer: User', /viewer.*changed type/],
    ['a new required argument', 'viewer: User!', 'viewer(at: ID!): User!', /'at: ID!' added/],
    ['an enum value taken away', '  BUSY\n', '  OCCUPIED\n', /'BUSY' was removed/],
  ])('a breaking change is reported: %s', async (_, from, to, sentence) => {
    const sdl = currentSdl();
    expect(sdl).toContain(from);
    expect(await breakingChanges(sdl, sdl.replace(from, to))).toEqual(
      expect.arrayContaining([expect.stringMatching(sentence)]),
    );
  });

  it('additions are accepted', async () => {
    const sdl = currentSdl();
    expect(await breakingChanges(sdl, sdl.replace('viewer: User!', 'viewer: User!\n  other: User'))).toEqual([]);
  });
});
