import { describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { progressOf } from '../../local/model/conversation.ts';
import { SCENARIOS, lastMarker } from '../../local/model/scenario.ts';
import { nextTurn } from '../../local/model/turn.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

const user = (text: string) => ({ kind: 'user', text }) as const;
const toolResult = { kind: 'tool_result' } as const;

const turnFor = (prompt: string, tools: readonly string[] = ['Bash', 'Write'], answered = false) =>
  nextTurn({ model: 'm', steps: [user(prompt), ...(answered ? [toolResult] : [])], tools }).turn;

const commandOf = (prompt: string): string => {
  const turn = turnFor(prompt);
  if (turn.kind !== 'tool' || typeof turn.call.input === 'string') throw new Error('no tool call');
  return String(turn.call.input['command']);
};

describe('the marker', () => {
  test('is the last one in a text', () => {
    expect(lastMarker('#scenario:tool then #scenario:hang')).toEqual({
      known: true,
      scenario: 'hang',
      argument: null,
    });
  });

  test('may carry an argument', () => {
    expect(lastMarker('#scenario:flood:64.')).toEqual({ known: true, scenario: 'flood', argument: '64' });
  });

  test('inside what a CLI injected does not count', () => {
    expect(lastMarker('#scenario:tool <system-reminder>#scenario:500</system-reminder>')).toMatchObject({
      scenario: 'tool',
    });
  });

  test('of a later user message replaces the earlier one and forgets its tool results', () => {
    const progress = progressOf([user('#scenario:tool'), toolResult, user('go on #scenario:bash')]);
    expect(progress).toEqual({
      choice: { known: true, scenario: 'bash', argument: null },
      toolAnswered: false,
    });
  });

  test('stays in force when later user text has none', () => {
    expect(progressOf([user('#scenario:tool'), toolResult, user('and?')])).toMatchObject({
      choice: { scenario: 'tool' },
      toolAnswered: true,
    });
  });

  test('without one the scenario is text', () => {
    expect(turnFor('say hi')).toMatchObject({ kind: 'text', hangs: false });
  });
});

describe('the turns', () => {
  test('an unknown scenario is answered with the names of the known ones', () => {
    const turn = turnFor('#scenario:nonsense');
    expect(turn.kind).toBe('text');
    for (const name of SCENARIOS) expect(JSON.stringify(turn)).toContain(name);
  });

  test('tool writes hello.txt with the file tool, and with the shell where there is none', () => {
    expect(turnFor('#scenario:tool')).toEqual({
      kind: 'tool',
      call: { name: 'Write', input: { file_path: 'hello.txt', content: 'hello from the scripted model\n' } },
    });
    expect(turnFor('#scenario:tool', ['run_shell_command'])).toMatchObject({
      kind: 'tool',
      call: { name: 'run_shell_command' },
    });
  });

  test('a CLI with no tool that the model knows is told so', () => {
    expect(JSON.stringify(turnFor('#scenario:bash', ['Unknown']))).toContain('no tool');
  });

  test('after the tool result the model answers and ends', () => {
    expect(turnFor('#scenario:tool', ['Write'], true)).toMatchObject({ kind: 'text', hangs: false });
  });

  test('spawn keeps hanging when the CLI stops waiting for the command', () => {
    expect(turnFor('#scenario:spawn', ['Bash'], true)).toMatchObject({ kind: 'text', hangs: true });
  });

  test.each(['401', '429', '500'])('%s is an error of that status', (status) => {
    expect(turnFor(`#scenario:${status}`)).toMatchObject({ kind: 'error', status: Number(status) });
  });

  test('equal conversations get equal turns and ids, and ids differ within a conversation', () => {
    const first = { model: 'm', steps: [user('#scenario:tool')], tools: ['Write'] };
    const second = { ...first, steps: [...first.steps, toolResult] };
    expect(nextTurn(first)).toEqual(nextTurn(first));
    expect(nextTurn(first).id).not.toBe(nextTurn(second).id);
  });
});

const runInShell = async (command: string, env: Record<string, string> = {}): Promise<string> => {
  const child = Bun.spawn(['sh', '-c', command], { env: { PATH: process.env['PATH'] ?? '', ...env } });
  return new Response(child.stdout).text();
};

describe('the commands', () => {
  test('flood prints as many megabytes as asked', async () => {
    expect((await runInShell(commandOf('#scenario:flood:2'))).length).toBe(2 * 1_048_576);
    expect(commandOf('#scenario:flood')).toContain(String(16 * 1_048_576));
    expect(commandOf('#scenario:flood:nonsense')).toContain(String(16 * 1_048_576));
  });

  test('keys prints every key-like variable in full and in base64, and no other', async () => {
    const output = await runInShell(commandOf('#scenario:keys'), {
      SOME_API_KEY: 'sk-abc=def',
      A_TOKEN_2: 'tok',
      MY_SECRET: 's3cret',
      HARMLESS: 'visible',
    });
    expect(output).toContain('SOME_API_KEY=sk-abc=def\n');
    expect(output).toContain(Buffer.from('sk-abc=def').toString('base64'));
    expect(output).toContain('A_TOKEN_2=tok\n');
    expect(output).toContain('MY_SECRET=s3cret\n');
    expect(output).not.toContain('visible');
  });

  test('spawn leaves three sleeps and waits', () => {
    const command = commandOf('#scenario:spawn');
    for (const part of ['sleep 777', 'setsid sleep 778', 'sleep 779', 'wait'])
      expect(command).toContain(part);
  });
});
