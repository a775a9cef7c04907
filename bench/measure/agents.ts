import { ECHO_AGENT, SHELL_AGENT } from '../../tests/e2e/trivial-agents.ts';

/** Agents that need neither an install nor a model. `sh` runs its prompt. */
export const SH = { ...SHELL_AGENT, id: 'sh' };

/** Writes when it started, in nanoseconds since the epoch, and ends. */
export const DATE = { ...ECHO_AGENT, id: 'date', exec: { any: '/bin/date' }, argv: ['+%s%N'] };

export const DATE_ARGV = ['/bin/date', '+%s%N'];
