import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { AgentRow } from '../../worker/agents/row.ts';
import { ofType, parseRun, sample } from './parser-harness.ts';

const JSON_PARSERS = ['claude', 'codex', 'gemini', 'grok'] as const;
const ALL_PARSERS: readonly AgentRow['parser'][] = [...JSON_PARSERS, 'aider', 'text'];

describe('recorded runs that succeed', () => {
  test('claude: a file written with Write', () => {
    const run = parseRun('claude', sample('claude.jsonl'));
    expect(run.events.map(({ type }) => type)).toEqual(['tool_call', 'tool_result', 'message', 'usage']);
    expect(run.events[0]).toEqual({
      type: 'tool_call',
      name: 'Write',
      call_id: 'toolu_2',
      input: '{"file_path":"hello.txt","content":"hello from fake model\\n"}',
    });
    expect(ofType(run, 'tool_result')[0]).toMatchObject({ call_id: 'toolu_2', ok: true });
    expect(ofType(run, 'message')[0]?.text).toBe('Final answer from fake.');
    expect(run.verdict).toEqual({ ok: true });
    expect(run.usage).toEqual({ input_tokens: 200, output_tokens: 40, cost_usd: 0.0017020000000000002 });
  });

  test('codex: a shell command', () => {
    const run = parseRun('codex', sample('codex.jsonl'));
    expect(run.events.map(({ type }) => type)).toEqual(['tool_call', 'tool_result', 'message', 'usage']);
    expect(ofType(run, 'tool_call')[0]).toMatchObject({ name: 'command_execution', call_id: 'item_0' });
    expect(run.verdict).toEqual({ ok: true });
    expect(run.usage).toEqual({ input_tokens: 200, output_tokens: 40, cost_usd: null });
  });

  test('gemini: a file written, and a message that came in pieces', () => {
    const run = parseRun('gemini', sample('gemini.jsonl'));
    expect(run.events.map(({ type }) => type)).toEqual(['tool_call', 'tool_result', 'message', 'usage']);
    expect(ofType(run, 'message')[0]?.text).toBe('Final answer from fake.');
    expect(run.verdict).toEqual({ ok: true });
    expect(run.usage).toEqual({ input_tokens: 300, output_tokens: 60, cost_usd: null });
  });

  test('grok: a shell command, whose cost of zero is unknown', () => {
    const run = parseRun('grok', sample('grok.jsonl'));
    expect(run.events.map(({ type }) => type)).toEqual(['tool_call', 'tool_result', 'message', 'usage']);
    expect(ofType(run, 'tool_result')[0]).toMatchObject({ ok: true, output: 'exit: 0\n' });
    expect(run.verdict).toEqual({ ok: true });
    expect(run.usage).toEqual({ input_tokens: 190, output_tokens: 40, cost_usd: null });
  });

  test('aider: an edit, its tokens and its cost', () => {
    const run = parseRun('aider', sample('aider-tool.txt'));
    expect(run.events.map(({ type }) => type)).toEqual(['message', 'usage', 'tool_call', 'tool_result']);
    expect(ofType(run, 'message')[0]?.text).toStartWith('hello.txt\n```');
    expect(ofType(run, 'tool_call')[0]).toEqual({
      type: 'tool_call',
      name: 'edit',
      input: '{"path":"hello.txt"}',
    });
    expect(run.verdict).toEqual({ ok: true });
    expect(run.usage).toEqual({ input_tokens: 100, output_tokens: 20, cost_usd: 0.00032 });
  });

  test.each(JSON_PARSERS)('%s: what a shell command printed', (parser) => {
    const run = parseRun(parser, sample(`${parser}-bash.jsonl`));
    expect(ofType(run, 'tool_result')[0]?.output).toContain('wrote hello.txt');
    expect(ofType(run, 'message')[0]?.text).toBe('The scripted tool call is done.');
  });
});

describe('recorded runs that fail', () => {
  const CODES = {
    401: 'provider_key_rejected',
    429: 'provider_rate_limited',
    500: 'provider_error',
  } as const;

  const cases = JSON_PARSERS.flatMap((parser) =>
    Object.entries(CODES).map(([status, code]) => ({ parser, status, code })),
  );

  test.each(cases)('$parser on $status: $code', ({ parser, status, code }) => {
    const stderr = parser === 'gemini' ? sample(`gemini-${status}.stderr.txt`) : '';
    const { verdict } = parseRun(parser, sample(`${parser}-${status}.jsonl`), stderr);
    expect(verdict).toMatchObject({ ok: false, code });
    expect(verdict?.ok === false && verdict.message.length).toBeGreaterThan(10);
  });

  test('aider on 401 and 429, though it exits 0', () => {
    expect(parseRun('aider', sample('aider-401.txt')).verdict).toMatchObject({ code: CODES[401] });
    expect(parseRun('aider', sample('aider-429.txt')).verdict).toMatchObject({ code: CODES[429] });
  });

  test('aider recovers when a retry succeeds', () => {
    const output = `${sample('aider-429.txt')}\n${sample('aider-tool.txt')}`;
    expect(parseRun('aider', output).verdict).toEqual({ ok: true });
  });
});

describe('verdicts', () => {
  const claude = (fields: object) =>
    parseRun('claude', JSON.stringify({ type: 'result', subtype: 'success', is_error: false, ...fields }))
      .verdict;

  test('is_error outranks subtype success', () => {
    expect(claude({ is_error: true, result: 'Tool use was denied' })).toEqual({
      ok: false,
      code: 'agent_error',
      message: 'Tool use was denied',
    });
  });

  test('a rejected key can be a 400 that says so', () => {
    const line = {
      type: 'result',
      status: 'error',
      error: { message: '{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT"}}' },
    };
    expect(parseRun('gemini', JSON.stringify(line)).verdict).toMatchObject({ code: 'provider_key_rejected' });
  });

  test('a failure without a message still has one', () => {
    expect(claude({ is_error: true, result: '' })).toMatchObject({ message: expect.stringMatching(/\w/) });
  });

  test('what a tool prints decides nothing', () => {
    const line = {
      type: 'item.completed',
      item: {
        id: '1',
        type: 'command_execution',
        command: 'curl',
        aggregated_output: 'status 401 Unauthorized',
        exit_code: 22,
        status: 'failed',
      },
    };
    const run = parseRun('codex', JSON.stringify(line));
    expect(ofType(run, 'tool_result')[0]).toMatchObject({ ok: false, output: 'status 401 Unauthorized' });
    expect(run.verdict).toBeNull();
  });

  test('a tool that codex reports only at its end still has its call', () => {
    const line = { type: 'item.completed', item: { id: '1', type: 'web_search', query: 'bun' } };
    expect(parseRun('codex', JSON.stringify(line)).events).toEqual([
      { type: 'tool_call', name: 'web_search', call_id: '1', input: '{"query":"bun"}' },
      { type: 'tool_result', call_id: '1', ok: true, output: '' },
    ]);
  });

  test('usage that a CLI does not report is null, never 0', () => {
    expect(parseRun('codex', '{"type":"turn.completed"}').usage).toEqual({
      input_tokens: null,
      output_tokens: null,
      cost_usd: null,
    });
    expect(parseRun('text', 'anything').usage).toBeNull();
  });

  test("claude's usage covers its helper models and sub-agents", () => {
    const line = {
      type: 'result',
      is_error: false,
      total_cost_usd: 0.5,
      usage: { input_tokens: 1, output_tokens: 1 },
      modelUsage: {
        main: { inputTokens: 100, outputTokens: 10 },
        helper: { inputTokens: 20, outputTokens: 2 },
      },
    };
    expect(parseRun('claude', JSON.stringify(line)).usage).toEqual({
      input_tokens: 120,
      output_tokens: 12,
      cost_usd: 0.5,
    });
  });

  test("aider's thousands are read and added up", () => {
    const output = [
      'Repo-map: x',
      'Tokens: 1.2k sent, 300 received.',
      'Tokens: 12k sent, 1.5k cache hit, 1.1k received.',
    ];
    expect(parseRun('aider', output.join('\n')).usage).toEqual({
      input_tokens: 13_200,
      output_tokens: 1_400,
      cost_usd: null,
    });
  });
});

describe('damaged output', () => {
  test.each(JSON_PARSERS)('%s: a run cut anywhere keeps what came before and has no verdict', (parser) => {
    const whole = sample(`${parser}.jsonl`).trimEnd();
    const cut = whole.slice(0, whole.length - 20);
    const run = parseRun(parser, cut);
    expect(run.verdict).toBeNull();
    expect(ofType(run, 'tool_call')).toHaveLength(1);
  });

  test.each(ALL_PARSERS)('%s: survives any line', (parser) => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({
          type: fc.constantFrom(
            'assistant',
            'user',
            'result',
            'item.completed',
            'turn.failed',
            'message',
            'tool_result',
          ),
          message: fc.anything(),
          item: fc.anything(),
          stats: fc.anything(),
        })
        .map((value) => JSON.stringify(value) ?? ''),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        for (const event of parseRun(parser, lines.join('\n'), lines.join('\n')).events) {
          expect(event.type).toBeString();
        }
      }),
    );
  });

  test.each(['claude', 'grok'] as const)('%s: usage by model that is no usage is no result', (parser) => {
    const line = { type: 'result', is_error: false, modelUsage: { one: null, other: 7 } };
    expect(parseRun(parser, JSON.stringify(line))).toEqual({ events: [], verdict: null, usage: null });
  });

  test('a giant tool result becomes a small event, in little time', () => {
    const line = JSON.stringify({
      type: 'user',
      message: { content: [{ type: 'tool_result', tool_use_id: 'a', content: 'x'.repeat(20_000_000) }] },
    });
    const start = performance.now();
    const result = ofType(parseRun('claude', line), 'tool_result')[0];
    expect(result?.output.length).toBe(32_768);
    expect(result?.truncated).toBe(true);
    // Minutes, were its work to grow with the square of the length.
    expect(performance.now() - start).toBeLessThan(60_000);
  });

  test('text without end arrives as several bounded messages', () => {
    const piece = JSON.stringify({
      type: 'message',
      role: 'assistant',
      content: 'y'.repeat(1_000),
      delta: true,
    });
    const run = parseRun('gemini', `${`${piece}\n`.repeat(100)}{"type":"result","status":"success"}`);
    const messages = ofType(run, 'message');
    expect(messages.length).toBeGreaterThan(5);
    expect(messages.reduce((sum, { text }) => sum + text.length, 0)).toBe(100_000);
  });

  test('a cut never leaves half of a surrogate pair', () => {
    const line = JSON.stringify({ type: 'assistant', message: { content: `x${'😀'.repeat(20_000)}` } });
    expect(ofType(parseRun('claude', line), 'message')[0]?.text.isWellFormed()).toBe(true);
  });
});
