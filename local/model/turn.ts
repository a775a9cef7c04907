import { HELLO_CONTENT, HELLO_FILE, PRINT_KEYS, SPAWN, WRITE_HELLO, floodCommand } from './commands.ts';
import { type Conversation, progressOf } from './conversation.ts';
import { SCENARIOS, type Scenario } from './scenario.ts';
import { type ToolCall, shellCall, writeCall } from './tools.ts';

export type ErrorStatus = 401 | 429 | 500;

/** What the model does next, in no vendor's terms. */
export type Turn =
  | {
      readonly kind: 'text';
      readonly deltas: readonly string[];
      /** Pause before each delta. */
      readonly intervalMs: number;
      /** True: the stream never ends after the last delta. */
      readonly hangs: boolean;
    }
  | { readonly kind: 'tool'; readonly call: ToolCall }
  | { readonly kind: 'error'; readonly status: ErrorStatus; readonly message: string };

/** A turn together with an id that depends only on the conversation, unique within it. */
export type ScriptedTurn = { readonly id: string; readonly scenario: string; readonly turn: Turn };

/** The figures that every answer reports, so that tests can predict sums. */
export const USAGE = { input: 100, cacheRead: 5, cacheWrite: 10, output: 20, reasoning: 3 } as const;

const SLOW_DELTAS = 20;
const SLOW_INTERVAL_MS = 250;

const say = (text: string): Turn => ({ kind: 'text', deltas: [text], intervalMs: 0, hangs: false });

const hang = (text: string): Turn => ({ kind: 'text', deltas: [text], intervalMs: 0, hangs: true });

const GREETING = 'Hello from the scripted model.';
const TOOL_DONE = 'The scripted tool call is done.';
/** For a CLI without tools (aider): an edit as text, in the search-and-replace form that it applies itself. */
const EDIT_AS_TEXT = [
  HELLO_FILE,
  '```',
  '<<<<<<< SEARCH',
  '=======',
  `${HELLO_CONTENT}>>>>>>> REPLACE`,
  '```',
  '',
].join('\n');
const NO_TOOL = 'The scripted model was offered no tool that it knows.';

const SLOW: Turn = {
  kind: 'text',
  deltas: Array.from({ length: SLOW_DELTAS }, (_, index) => `part ${index + 1} of ${SLOW_DELTAS}. `),
  intervalMs: SLOW_INTERVAL_MS,
  hangs: false,
};

const MESSAGES: Record<ErrorStatus, string> = {
  401: 'The scripted model rejects this key.',
  429: 'The scripted model is over its rate limit.',
  500: 'The scripted model failed.',
};

const fail = (status: ErrorStatus): Turn => ({ kind: 'error', status, message: MESSAGES[status] });

const toolCall = (scenario: Scenario, argument: string | null, tools: readonly string[]): ToolCall | null => {
  switch (scenario) {
    case 'tool':
      return writeCall(tools) ?? shellCall(tools, WRITE_HELLO);
    case 'bash':
      return shellCall(tools, WRITE_HELLO);
    case 'spawn':
      return shellCall(tools, SPAWN);
    case 'flood':
      return shellCall(tools, floodCommand(argument));
    case 'keys':
      return shellCall(tools, PRINT_KEYS);
    default:
      return null;
  }
};

const turnOf = (
  scenario: Scenario,
  argument: string | null,
  tools: readonly string[],
  answered: boolean,
): Turn => {
  switch (scenario) {
    case 'text':
      return say(GREETING);
    case 'hang':
      return hang('Thinking about it');
    case 'slow':
      return SLOW;
    case '401':
      return fail(401);
    case '429':
      return fail(429);
    case '500':
      return fail(500);
    case 'spawn':
      // A CLI that stops waiting for the command must not end while its processes run.
      if (answered) return hang('Waiting for the processes');
      break;
    default:
      if (answered) return say(TOOL_DONE);
  }
  if (scenario === 'tool' && tools.length === 0) return say(EDIT_AS_TEXT);
  const call = toolCall(scenario, argument, tools);
  return call === null ? say(NO_TOOL) : { kind: 'tool', call };
};

/** The model's next turn. Pure and deterministic: equal conversations get equal turns and ids. */
export const nextTurn = (conversation: Conversation): ScriptedTurn => {
  const { choice, toolAnswered } = progressOf(conversation.steps);
  const name = choice.known ? choice.scenario : 'unknown';
  const turn = choice.known
    ? turnOf(choice.scenario, choice.argument, conversation.tools, toolAnswered)
    : say(`There is no scenario "${choice.name}". Known scenarios: ${SCENARIOS.join(', ')}.`);
  return { id: `${name}_${conversation.steps.length}`, scenario: name, turn };
};
