import type { OutputParser } from '../parser.ts';
import { createMessagesParser } from './messages.ts';

/** `claude -p --output-format stream-json`. https://code.claude.com/docs/en/headless */
export const createClaudeParser = (): OutputParser => createMessagesParser((content) => content);
