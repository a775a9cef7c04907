import type { EventDraft } from '../../shared/model/event.ts';

/** The longest text, in UTF-16 code units, that an event carries whole. */
export const MAX_TEXT = 32 * 1024;

/** The text up to MAX_TEXT, without half a surrogate pair at its end. */
const cut = (text: string): string => {
  const last = text.charCodeAt(MAX_TEXT - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? MAX_TEXT - 1 : MAX_TEXT);
};

/** An agent's event with an over-long text cut and marked `truncated`. */
export const shorten = (draft: EventDraft): EventDraft => {
  switch (draft.type) {
    case 'message':
      return draft.text.length > MAX_TEXT ? { ...draft, text: cut(draft.text), truncated: true } : draft;
    case 'tool_call':
      return draft.input.length > MAX_TEXT ? { ...draft, input: cut(draft.input), truncated: true } : draft;
    case 'tool_result':
      return draft.output.length > MAX_TEXT
        ? { ...draft, output: cut(draft.output), truncated: true }
        : draft;
    default:
      return draft;
  }
};
