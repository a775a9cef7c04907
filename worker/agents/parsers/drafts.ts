import type { EventDraft } from '../../../shared/model/event.ts';
import { clipped } from './clip.ts';

/** Builders of the events that parsers find, with their texts clipped. */

export const messageDraft = (text: string): EventDraft[] =>
  text.trim() === '' ? [] : [{ type: 'message', ...clipped(text) }];

export const toolCallDraft = (name: string, callId: string | undefined, input: unknown): EventDraft => {
  const { text, ...cut } = clipped(JSON.stringify(input ?? {}));
  return {
    type: 'tool_call',
    name,
    ...(callId === undefined ? {} : { call_id: callId }),
    input: text,
    ...cut,
  };
};

export const toolResultDraft = (callId: string | undefined, ok: boolean, output: string): EventDraft => {
  const { text, ...cut } = clipped(output);
  return {
    type: 'tool_result',
    ...(callId === undefined ? {} : { call_id: callId }),
    ok,
    output: text,
    ...cut,
  };
};
