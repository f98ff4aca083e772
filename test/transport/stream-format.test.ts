/** The formats of streams over HTTP: which of them a request accepts, and their bytes. */
import { LIMITS } from '../../src/limits.ts';
import { MULTIPART } from '../../src/transport/streams/multipart.ts';
import { SSE } from '../../src/transport/streams/sse.ts';
import { accepted, readsAnswers, type StreamFormat, takesAnything } from '../../src/transport/streams/stream-format.ts';

describe('the formats that a request accepts', () => {
  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    ['*/*', []],
    ['text/html, */*', []],
    ['text/event-stream', ['sse']],
    ['TEXT/Event-Stream', ['sse']],
    ['application/json', ['json']],
    ['application/graphql-response+json, application/json;q=0.9', ['json', 'json']],
    ['application/graphql+json', []],
    ['application/jsonx', []],
    ['text/event-stream;q=0.5, application/json;q=0.9', ['json', 'sse']],
    ['text/event-stream;q=0.9,application/json;q=0.5', ['sse', 'json']],
    ['text/event-stream;q=0, application/json', ['json']],
    ['text/event-stream;q=x, application/json', ['json']],
    ['multipart/mixed', []],
    ['multipart/mixed;subscriptionSpec=1.0, application/json', ['multipart', 'json']],
    ['multipart/mixed; subscriptionSpec="1.0"', ['multipart']],
    ['multipart/mixed;SUBSCRIPTIONSPEC=1.0', ['multipart']],
    ['multipart/mixed;subscriptionSpec=2.0', []],
    ['multipart/mixed;boundary="graphql";subscriptionSpec=1.0', ['multipart']],
    ['application/json, application/json;callbackSpec=1.0', ['callback', 'json', 'callback']],
    ['application/json;callbackSpec=2.0', ['json']],
  ])('of %s are %j', (accept, ways) => {
    expect(accepted(accept)).toEqual(ways);
  });

  it('of a header that is too long are none', () => {
    const header = 'text/event-stream,'.padEnd(LIMITS.acceptCharacters, 'x');
    expect(accepted(header)).toEqual(['sse']);
    expect(accepted(`${header}x`)).toEqual([]);
  });

  it.each<[string | undefined, boolean, boolean]>([
    [undefined, true, true],
    ['*/*', true, true],
    ['text/*', false, true],
    ['text/html, */*;q=0.8', true, true],
    ['image/png, text/*', false, true],
    ['text/html, application/json', true, false],
    ['application/*', true, false],
    ['application/json', true, false],
    ['application/graphql-response+json', true, false],
    ['text/event-stream', true, false],
    ['text/html', false, false],
    ['application/jsonx', false, false],
    ['x/application/json', false, false],
    ['*/*;q=0', false, false],
    ['multipart/mixed;subscriptionSpec=1.0', false, false],
  ])('by %s: answers %s, anything %s', (accept, answers, anything) => {
    expect([readsAnswers(accept), takesAnything(accept)]).toEqual([answers, anything]);
  });
});

describe('the bytes of a stream', () => {
  const enveloped = ({ envelope }: Pick<StreamFormat, 'envelope'>, text: string): string => {
    const payload = Buffer.from(text);
    const buffer = Buffer.alloc(envelope.size(payload.length));
    expect(envelope.write(buffer, 0, payload)).toBe(buffer.length);
    return buffer.toString();
  };
  const errors = [{ message: 'broken' }];

  it('of Server-Sent Events are events that an EventSource fires', () => {
    expect(enveloped(SSE, '{"a":"é"}')).toBe('event: next\ndata: {"a":"é"}\n\n');
    const { identified } = SSE;
    if (!identified) throw new Error('no ids');
    expect(enveloped({ envelope: identified('7') }, '1')).toBe('event: next\nid: 7\ndata: 1\n\n');
    expect(identified('7')).toBe(identified('7'));
    expect(enveloped({ envelope: identified('8') }, '2')).toContain('id: 8\n');
    expect([SSE.opening(250), SSE.heartbeat]).toEqual([':\nretry: 250\n', ':\n']);
    expect(SSE.ending(null)).toBe('event: complete\ndata:\n\n');
    expect(SSE.ending(errors)).toBe(
      'event: next\ndata: {"errors":[{"message":"broken"}]}\n\nevent: complete\ndata:\n\n',
    );
    expect([SSE.interruption(errors), SSE.breaksOff]).toEqual([
      'event: next\ndata: {"errors":[{"message":"broken"}]}\n\n',
      true,
    ]);
  });

  it('of a multipart response are parts between boundaries, the last of which ends it', () => {
    const head = '\r\ncontent-type: application/json\r\n\r\n';
    const next = '\r\n--graphql';
    expect(enveloped(MULTIPART, '{"a":1}')).toBe(`${head}{"payload":{"a":1}}${next}`);
    expect([MULTIPART.opening(250), MULTIPART.heartbeat]).toEqual([`${next}${head}{}${next}`, `${head}{}${next}`]);
    expect(MULTIPART.ending(null)).toBe('--\r\n');
    expect(MULTIPART.ending(errors)).toBe(`${head}{"payload":{"errors":[{"message":"broken"}]}}${next}--\r\n`);
    expect(MULTIPART.interruption(errors)).toBe(`${head}{"payload":null,"errors":[{"message":"broken"}]}${next}--\r\n`);
    expect([MULTIPART.identified, MULTIPART.breaksOff]).toEqual([null, false]);
  });
});
