/** Numbers that a double cannot hold are refused over every way in; all others arrive as they were sent. */

import { faultOfNumbers, isExactNumber } from '../../src/exact-json.ts';
import fc from '../support/fast-check.ts';
import { startTestService, type TestService } from '../support/service.ts';

const SECOND_US = 1_000_000;

describe('numbers', () => {
  it('a number is exact if a double gives it back unchanged', () => {
    for (const text of [
      '0',
      '-0',
      '1',
      '0.1',
      '1.50',
      '100000000000000000000',
      '1e21',
      '1.5E+3',
      '9007199254740991',
      '0.30000000000000004',
      // Other languages write the same doubles so.
      '0.10000000000000001',
      '4.9E-324',
      '1.9999999999999998E23',
      '0.1000000000000000055511151231257827021181583404541015625',
      '99999999999999991611392',
    ])
      expect([text, isExactNumber(text)]).toEqual([text, true]);
    for (const text of [
      '9007199254740993',
      '12345678901234567890',
      '1e400',
      '-1e400',
      '1e-400',
      '0.12345678901234567891',
      '1.0000000000000000001',
      '9007199254740993.0',
    ])
      expect([text, isExactNumber(text)]).toEqual([text, false]);
  });

  it('a number of a million digits is judged in under a second', () => {
    const before = process.cpuUsage();
    expect(isExactNumber(`0.1${'0'.repeat(1_000_000)}1`)).toBe(false);
    expect(isExactNumber(`0.1${'0'.repeat(1_000_000)}`)).toBe(true);
    // Of this process alone: what else the machine does takes time, not this.
    expect(process.cpuUsage(before).user).toBeLessThan(SECOND_US);
  });

  it('every number that JavaScript writes is exact', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => isExactNumber(JSON.stringify(value))),
    );
    fc.assert(fc.property(fc.json(), (text) => faultOfNumbers(text) === null));
  });

  it('a spelling of 17 digits that reads back as the same double is exact', () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0),
        fc.integer({ min: 17, max: 60 }),
        (value, digits) => isExactNumber(value.toExponential(digits - 1)),
      ),
    );
  });

  it('numbers within strings are ignored, wherever the strings end', () => {
    for (const value of ['1e999', '\\"1e999', '\\\\', '"', '12345678901234567890'])
      expect(faultOfNumbers(JSON.stringify({ [value]: [value, 1e9] }))).toBeNull();
    expect(faultOfNumbers('{"a": "\\\\", "b": -1e0400}')).toMatch(/^b: -1e0400 is more/);
    expect(faultOfNumbers('{"a": "unended 1e999')).toBeNull();
  });

  it('random JSON is exact if and only if each of its numbers is', () => {
    const digits = fc.stringMatching(/^(0|[1-9]\d{0,22})$/);
    const number = fc
      .tuple(
        fc.constantFrom('', '-'),
        digits,
        fc.stringMatching(/^(\.\d{1,20})?$/),
        fc.stringMatching(/^([eE][+-]?\d{1,4})?$/),
      )
      .map((parts) => parts.join(''));
    const item = fc.oneof(
      number,
      fc.string().map((text) => JSON.stringify(text)),
      number.map((text) => `"${text}"`),
    );
    fc.assert(
      fc.property(fc.array(item), (items) => {
        const isExact = items.every((text) => text.startsWith('"') || isExactNumber(text));
        return (faultOfNumbers(`[${items.join(',')}]`) === null) === isExact;
      }),
    );
  });

  it('the message names the field and the number', () => {
    expect(faultOfNumbers('{"a": [{"b": 1}, {"b": 12345678901234567890}]}')).toBe(
      'a.1.b: 12345678901234567890 is more than a double can hold. Send it as a string.',
    );
    expect(faultOfNumbers(`{"a": ${'9'.repeat(1_000)}}`)).toBe(
      `a: ${'9'.repeat(40)}… is more than a double can hold. Send it as a string.`,
    );
  });

  it('integers past 2^53 are exact only if a double has that value', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 90n }), (value) => {
        const isSame = BigInt(Number(value)) === value || String(Number(value)) === String(value);
        return isSame === isExactNumber(String(value));
      }),
    );
  });

  describe('in requests', () => {
    let service: TestService;
    beforeAll(async () => {
      service = await startTestService();
    });
    afterAll(() => service.close());

    const PUBLISH = 'mutation ($payload: JSON!) { publish(topic: "news", payload: $payload) { payload } }';
    const body = (number: string): string =>
      `{"query": ${JSON.stringify(PUBLISH)}, "variables": {"payload": {"n": ${number}}}}`;

    it.each(['12345678901234567890', '1e400', '0.12345678901234567891'])('%s is BAD_USER_INPUT', async (number) => {
      const authorization = `Bearer ${await service.token('alice')}`;
      const send = async (text: string): Promise<string> => {
        const headers = { authorization, 'content-type': 'application/json' };
        const response = await fetch(`${service.url}/graphql`, { method: 'POST', headers, body: text });
        const { errors } = (await response.json()) as { errors: { extensions: { code: string } }[] };
        return `${response.status} ${errors?.[0]?.extensions.code}`;
      };
      expect(await send(body(number))).toBe('400 BAD_USER_INPUT');
      const literal = `mutation { publish(topic: "news", payload: {n: [${number}]}) { id } }`;
      expect(await send(JSON.stringify({ query: literal }))).toMatch(/ (BAD_USER_INPUT|GRAPHQL_VALIDATION_FAILED)$/);
      const client = await service.connect('alice');
      const refused = new Promise((resolve) => {
        client.client.subscribe(
          { query: literal },
          { next: resolve, error: resolve, complete: () => resolve('complete') },
        );
      });
      expect(JSON.stringify(await refused)).toContain('more than a double can hold');
      await client.close();
      const { data } = await service.query('alice', '{ topicHistory(topic: "news") { id } }');
      expect(data.topicHistory).toEqual([]);
    });

    it('an enum value in a JSON literal is refused', async () => {
      const { code, errors } = await service.query(
        'alice',
        'mutation { publish(topic: "enum", payload: {s: ACTIVE, t: [{u: ON}]}) { id } }',
      );
      expect(code).toBe('GRAPHQL_VALIDATION_FAILED');
      expect(errors?.[0]?.message).toContain('write ACTIVE as a string');
    });

    it('all others arrive unchanged', async () => {
      const payload = { n: [0.1, 9_007_199_254_740_991, -1.5e-7, 1e21] };
      const { data } = await service.query('alice', PUBLISH, { payload });
      expect(data.publish.payload).toEqual(payload);
    });
  });
});
