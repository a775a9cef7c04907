import { type Choice, lastMarker } from './scenario.ts';

/** One step of a conversation as far as the script cares; system prompts and model turns are left out. */
export type Step = { readonly kind: 'user'; readonly text: string } | { readonly kind: 'tool_result' };

/** A model request of any vendor, reduced to what the script needs. */
export type Conversation = {
  readonly model: string;
  readonly steps: readonly Step[];
  /** The names of the tools that the CLI offers. */
  readonly tools: readonly string[];
};

/** The scenario in force and whether its tool call has been answered. */
export type Progress = { readonly choice: Choice; readonly toolAnswered: boolean };

const DEFAULT_CHOICE: Choice = { known: true, scenario: 'text', argument: null };

/** The last marker in user-written text decides; tool results count only when they come after it. */
export const progressOf = (steps: readonly Step[]): Progress => {
  let progress: Progress = { choice: DEFAULT_CHOICE, toolAnswered: false };
  for (const step of steps) {
    if (step.kind === 'tool_result') {
      progress = { ...progress, toolAnswered: true };
      continue;
    }
    const choice = lastMarker(step.text);
    if (choice !== null) progress = { choice, toolAnswered: false };
  }
  return progress;
};
