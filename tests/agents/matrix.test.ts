import { afterAll, describe, expect, test, setDefaultTimeout } from 'bun:test';
import { TEST_TIMEOUT_MS } from '../harness/timeout.ts';
import { BUILT_IN_AGENTS } from '../../worker/agents/registry.ts';
import { startTestModel } from '../harness/scripted-model.ts';
import { eventually } from '../worker/launcher/probe.ts';
import { type CliJob, type CliRun, createLimiter, runCli } from './cli-run.ts';
import { type InstalledAgent, installOnce } from './install-once.ts';
import { killMarked, markedProcesses } from './marked-processes.ts';
import { ofType } from './parser-harness.ts';
import { startThief } from './thief.ts';

setDefaultTimeout(TEST_TIMEOUT_MS);

/**
 * Every scenario over every real CLI. The CLIs are installed once into a cache; one that cannot be is
 * skipped with its reason. All runs start at once, a few at a time, and each test waits for its own.
 */

/** With every other run before it, on a machine that is busy. */
const RUN_TIMEOUT_MS = 600_000;
const HELLO = 'hello from the scripted model\n';

const agents = (await Promise.all(BUILT_IN_AGENTS.map(installOnce))).filter((agent) => agent !== null);

const model = startTestModel();
afterAll(() => model.stop());

const limit = createLimiter(4);
let sequence = 0;

/** For runs that a test has to watch from their start. */
const atOnce: typeof limit = (task) => task();

/** A run with a key of its own, so that the model's record tells it from all others; waits for its turn. */
const start = (agent: InstalledAgent, scenario: string, turn = limit, more: Partial<CliJob> = {}) => {
  sequence += 1;
  const suffix = sequence.toString(36).padStart(4, '0');
  const key = `sk-test-0123456789-${suffix}`;
  const job: CliJob = {
    ...agent,
    key,
    prompt: `Please do it #scenario:${scenario}`,
    modelOrigin: model.endpoint,
    ...more,
  };
  return { key, suffix, run: turn(() => runCli(job)) };
};

const ERRORS = { 401: 'provider_key_rejected', 429: 'provider_rate_limited', 500: 'provider_error' } as const;
/** What each CLI reports for one answer of the scripted model: grok leaves cached tokens out. */
const INPUT_TOKENS: Record<string, number> = { claude: 100, codex: 100, gemini: 100, grok: 95, aider: 100 };

/** Calls of one run by its key: the first and the retries. The defaults of the CLIs go on for minutes. */
const CALLS_MAX = 20;
const callsOf = async (suffix: string): Promise<number> =>
  (await model.requests()).filter((one) => one.key_last4 === suffix && one.scenario !== null).length;

const explain = (run: CliRun): string => `${run.stdout.slice(-2_000)}\n${run.stderr.slice(-2_000)}`;

const expectSuccess = (run: CliRun): void => {
  if (run.verdict?.ok !== true) console.log(explain(run));
  expect(run.verdict).toEqual({ ok: true });
  expect(run.exitCode).toBe(0);
};

describe.each(agents.map((agent) => [agent.row.id, agent] as const))('%s', (id, agent) => {
  // aider edits files from the model's text; it offers the model no tools.
  const hasTools = id !== 'aider';
  const scenarios = [
    'text',
    'tool',
    'slow',
    '401',
    '429',
    '500',
    ...(hasTools ? ['bash', 'keys', 'flood:4'] : []),
  ];
  const runs = new Map(scenarios.map((scenario) => [scenario, start(agent, scenario)]));

  const keyOfTrapped = `sk-test-trapped-${crypto.randomUUID()}`;
  const thief = startThief(keyOfTrapped);
  const trapped = start(agent, 'text', limit, { plants: thief.plants, key: keyOfTrapped });

  const finished = async (scenario: string) => {
    const started = runs.get(scenario);
    if (started === undefined) throw new Error(`no run of ${scenario}`);
    return { ...started, run: await started.run };
  };

  // What an agent has no tools for is no scenario of it, and nothing to skip.
  const withTools = hasTools ? test : () => undefined;
  const onLinux = hasTools ? test.skipIf(process.platform !== 'linux') : () => undefined;

  test(
    'text: answers, with usage, by the key it was given',
    async () => {
      const { run, suffix } = await finished('text');
      expectSuccess(run);
      expect(ofType(run, 'message').map(({ text }) => text.trim())).toEqual([
        'Hello from the scripted model.',
      ]);
      expect(run.usage).toMatchObject({ input_tokens: INPUT_TOKENS[id] ?? null, output_tokens: 20 });
      const own = (await model.requests()).filter(({ key_last4 }) => key_last4 === suffix);
      expect(own.some(({ scenario }) => scenario === 'text')).toBe(true);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'tool: writes a file into the workspace',
    async () => {
      const { run } = await finished('tool');
      expectSuccess(run);
      expect(run.hello).toBe(HELLO);
      expect(ofType(run, 'tool_call')).toHaveLength(1);
      expect(ofType(run, 'tool_result')).toMatchObject([{ ok: true }]);
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'text, in a workspace full of traps: nothing but the model hears of the key',
    async () => {
      const ended = await trapped.run;
      await thief.stop();
      expect(thief.caught).toEqual([]);
      expectSuccess(ended);
      expect(await callsOf(keyOfTrapped.slice(-4))).toBeGreaterThan(0);
    },
    RUN_TIMEOUT_MS,
  );

  withTools(
    'bash: runs a command and reports what it printed',
    async () => {
      const { run } = await finished('bash');
      expectSuccess(run);
      expect(run.hello).toBe(HELLO);
      expect(ofType(run, 'tool_result')[0]?.output).toContain('wrote hello.txt');
      expect(run.usage).toMatchObject({ input_tokens: 2 * (INPUT_TOKENS[id] ?? 0), output_tokens: 40 });
    },
    RUN_TIMEOUT_MS,
  );

  withTools(
    'keys: the shells of tools see the key, codex excepted',
    async () => {
      const { run, key } = await finished('keys');
      expectSuccess(run);
      const printed = ofType(run, 'tool_result')[0]?.output ?? '';
      expect(printed.includes(key)).toBe(id !== 'codex');
    },
    RUN_TIMEOUT_MS,
  );

  test(
    'slow: takes a long streamed answer whole',
    async () => {
      const { run } = await finished('slow');
      expectSuccess(run);
      const text = ofType(run, 'message')
        .map((message) => message.text)
        .join('');
      expect(text.match(/part \d+ of 20/g)).toHaveLength(20);
    },
    RUN_TIMEOUT_MS,
  );

  withTools(
    'flood: ends although a tool printed megabytes',
    async () => {
      const { run } = await finished('flood:4');
      expectSuccess(run);
      expect(ofType(run, 'tool_result')[0]?.output).toContain('flood from the scripted model');
    },
    RUN_TIMEOUT_MS,
  );

  for (const [status, code] of Object.entries(ERRORS)) {
    test(
      `${status}: gives up after a few retries, as ${code}`,
      async () => {
        const { run, suffix } = await finished(status);
        if (run.verdict?.ok !== false) console.log(explain(run));
        expect(run.verdict).toMatchObject({ ok: false, code });
        expect(await callsOf(suffix)).toBeLessThanOrEqual(CALLS_MAX);
        // aider exits 0 whatever happens: the reason why its text is read.
        if (hasTools) expect(run.exitCode).not.toBe(0);
      },
      RUN_TIMEOUT_MS,
    );
  }

  test(
    'hang: has no verdict when it is killed in the middle',
    async () => {
      const kill = new AbortController();
      const { run, suffix } = start(agent, 'hang', atOnce, { signal: kill.signal });
      await eventually(async () => (await callsOf(suffix)) > 0, RUN_TIMEOUT_MS / 2);
      await Bun.sleep(500);
      kill.abort();
      expect(await run).toMatchObject({ verdict: null, exitCode: null });
    },
    RUN_TIMEOUT_MS,
  );

  onLinux(
    'spawn: leaves a child, a session of its own and an orphan running while it waits',
    async () => {
      const marker = `OUTPOST_TEST_RUN=${crypto.randomUUID()}`;
      const [name = '', value = ''] = marker.split('=');
      const kill = AbortSignal.timeout(RUN_TIMEOUT_MS / 2);
      const { run } = start(agent, 'spawn', atOnce, { extraEnv: { [name]: value }, signal: kill });
      const sleeps = async () =>
        (await markedProcesses(marker))
          .map(({ command }) => command)
          .filter((command) => command.startsWith('sleep'));
      try {
        const ended = run.then((early) => explain(early));
        while ((await sleeps()).length < 3) {
          const early = await Promise.race([ended, Bun.sleep(200)]);
          if (early !== undefined) throw new Error(`ended without its processes: ${early}`);
        }
        expect((await sleeps()).toSorted()).toEqual(['sleep 777', 'sleep 778', 'sleep 779']);
        expect(await Promise.race([run.then(() => 'ended'), Bun.sleep(500).then(() => 'waiting')])).toBe(
          'waiting',
        );
      } finally {
        await killMarked(marker);
      }
      expect((await run).verdict).toBeNull();
    },
    RUN_TIMEOUT_MS,
  );
});
