import { type } from 'arktype';
import type { OutputParser } from '../parser.ts';
import { parseJsonLine } from './line.ts';
import { createMessagesParser } from './messages.ts';

/** Grok wraps what a tool returned in JSON of its own; the part meant for the model is the readable one. */
const Wrapped = type({ output_for_prompt: 'string' });

const readable = (content: string): string => {
  const wrapped = Wrapped(parseJsonLine(content));
  return wrapped instanceof type.errors ? content : wrapped.output_for_prompt;
};

/** `grok --output-format streaming-messages-json`. */
export const createGrokParser = (): OutputParser => createMessagesParser(readable);
