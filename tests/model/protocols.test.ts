import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { startTestModel } from '../harness/scripted-model.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const model = startTestModel();
afterAll(() => model.stop());

const KEY = 'sk-test-0123456789-WXYZ';

const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(`${model.endpoint}${path}`, {
    ...init,
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

type Vendor = {
  readonly path: string;
  readonly body: (prompt: string, stream: boolean) => unknown;
  readonly streamPath?: string;
};

/** One request form a protocol, with a shell and a writing tool that its CLI would offer. */
const VENDORS: Record<string, Vendor> = {
  'Anthropic Messages': {
    path: '/v1/messages',
    body: (prompt, stream) => ({
      model: 'claude-x',
      stream,
      system: '#scenario:500',
      messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
      tools: [{ name: 'Bash' }, { name: 'Write' }],
    }),
  },
  'OpenAI Responses': {
    path: '/v1/responses',
    body: (prompt, stream) => ({
      model: 'gpt-x',
      stream,
      instructions: '#scenario:500',
      input: [
        { type: 'message', role: 'developer', content: [{ type: 'input_text', text: '#scenario:500' }] },
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: prompt }] },
      ],
      tools: [{ type: 'function', name: 'exec_command' }],
    }),
  },
  'chat completions': {
    path: '/v1/chat/completions',
    body: (prompt, stream) => ({
      model: 'gpt-x',
      stream,
      messages: [
        { role: 'system', content: '#scenario:500' },
        { role: 'user', content: prompt },
      ],
      tools: [{ type: 'function', function: { name: 'write' } }],
    }),
  },
  Gemini: {
    path: '/v1beta/models/gemini-x:generateContent',
    streamPath: '/v1beta/models/gemini-x:streamGenerateContent?alt=sse',
    body: (prompt) => ({
      systemInstruction: { parts: [{ text: '#scenario:500' }] },
      contents: [{ role: 'user', parts: [{ text: prompt }] }],
      tools: [{ functionDeclarations: [{ name: 'write_file' }] }],
    }),
  },
};

describe.each(Object.entries(VENDORS))('%s', (_name, vendor) => {
  const call = (prompt: string, stream: boolean, init: RequestInit = {}): Promise<Response> =>
    post(stream ? (vendor.streamPath ?? vendor.path) : vendor.path, vendor.body(prompt, stream), init);

  test('answers in one piece, with usage, ignoring markers in system prompts', async () => {
    const response = await call('say hi', false);
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain('Hello from the scripted model.');
    expect(text).toMatch(/(output|completion)_tokens":20|candidatesTokenCount":20/);
  });

  test('streams the same answer as server-sent events', async () => {
    const response = await call('say hi', true);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const events = (await response.text()).split('\n\n').filter((event) => event !== '');
    expect(events.length).toBeGreaterThan(1);
    for (const event of events) expect(event).toMatch(/^(event: \S+\n)?data: /);
    expect(events.join('\n')).toContain('Hello from the scripted model.');
  });

  test('calls a tool', async () => {
    for (const stream of [false, true]) {
      const text = await (await call('#scenario:tool', stream)).text();
      expect(text).toMatch(/"name":"(Write|write|write_file|exec_command)"/);
      expect(text).toContain('hello.txt');
    }
  });

  test.each([401, 429, 500])('answers %i in the error form of the vendor', async (status) => {
    const response = await call(`#scenario:${status}`, true);
    expect(response.status).toBe(status);
    expect(await response.json()).toHaveProperty('error.message');
  });

  test('hang sends its first bytes and then nothing until the client leaves', async () => {
    const abort = new AbortController();
    const response = await call('#scenario:hang', true, { signal: abort.signal });
    const reader = response.body?.getReader();
    if (reader === undefined) throw new Error('no body');
    let received = '';
    while (!received.includes('Thinking about it')) {
      const { done, value } = await reader.read();
      if (done) throw new Error(`it ended after ${received}`);
      received += new TextDecoder().decode(value);
    }
    const rest = async (): Promise<'ended'> => {
      while (!(await reader.read()).done);
      return 'ended';
    };
    expect(await Promise.race([rest(), Bun.sleep(300)])).toBeUndefined();
    abort.abort();
  });

  test('a body in the wrong form is a 400', async () => {
    const path = vendor.path;
    expect((await post(path, { nonsense: true })).status).toBe(400);
    const notJson = await fetch(`${model.endpoint}${path}`, { method: 'POST', body: '{' });
    expect(notJson.status).toBe(400);
  });
});

test('slow streams twenty pieces over five seconds or more', async () => {
  const start = performance.now();
  const body = VENDORS['chat completions']?.body('#scenario:slow', true);
  const text = await (await post('/v1/chat/completions', body)).text();
  const seconds = (performance.now() - start) / 1_000;
  expect(text.match(/part \d+ of 20/g)).toHaveLength(20);
  expect(seconds).toBeGreaterThan(4);
});

test('codex tools that come late and run code are called with code', async () => {
  const tools = [{ type: 'namespace', name: 'functions', tools: [{ type: 'custom', name: 'exec' }] }];
  const input = [
    { type: 'additional_tools', role: 'developer', tools },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: '#scenario:bash' }] },
  ];
  const text = await (await post('/v1/responses', { model: 'm', stream: true, input })).text();
  expect(text).toContain('"type":"custom_tool_call"');
  expect(text).toContain('tools.exec_command');
});

test("a helper's question for JSON is answered even where the conversation hangs", async () => {
  const body = {
    contents: [{ role: 'user', parts: [{ text: '#scenario:hang' }] }],
    generationConfig: { responseMimeType: 'application/json' },
  };
  const response = await post('/v1beta/models/gemini-x:generateContent', body);
  expect(await response.text()).toContain('model_choice');
});

test('counts tokens and lists models', async () => {
  expect(await (await post('/v1/messages/count_tokens', {})).json()).toEqual({ input_tokens: 100 });
  expect(await (await post('/v1beta/models/g:countTokens', {})).json()).toEqual({ totalTokens: 100 });
  expect(await (await fetch(`${model.endpoint}/v1/models`)).json()).toMatchObject({ object: 'list' });
  expect((await fetch(`${model.endpoint}/v1/unknown`)).status).toBe(404);
});

test('remembers requests with the last characters of their keys and nothing more', async () => {
  const own = startTestModel();
  const call = { method: 'POST', body: '{"contents":[]}' };
  const path = '/v1beta/models/g:generateContent';
  await fetch(`${own.endpoint}${path}?key=${KEY}`, call);
  await fetch(`${own.endpoint}${path}`, { ...call, headers: { 'x-goog-api-key': 'short' } });
  await fetch(`${own.endpoint}${path}`, call);
  const requests = await own.requests();
  expect(requests).toEqual([
    { method: 'POST', path, key_present: true, key_last4: 'WXYZ', scenario: 'text' },
    { method: 'POST', path, key_present: true, key_last4: null, scenario: 'text' },
    { method: 'POST', path, key_present: false, key_last4: null, scenario: 'text' },
  ]);
  expect(JSON.stringify(requests)).not.toContain('0123456789');
  await own.stop();
});
