/** The longest text of one event, in UTF-16 units: a giant tool result must not become a giant event. */
const MAX_TEXT = 32_768;

/** The text, cut to what one event may carry. The whole of it is in the raw output in any case. */
export const clipped = (text: string): { readonly text: string; readonly truncated?: true } =>
  text.length <= MAX_TEXT ? { text } : { text: text.slice(0, MAX_TEXT).toWellFormed(), truncated: true };
