/**
 * The scenarios of the scripted model and the marker that chooses one: `#scenario:tool` or, with an
 * argument, `#scenario:flood:64`.
 */
export const SCENARIOS = [
  'text',
  'tool',
  'bash',
  'spawn',
  'hang',
  'slow',
  'flood',
  'keys',
  '401',
  '429',
  '500',
] as const;
export type Scenario = (typeof SCENARIOS)[number];

export type Choice =
  | { readonly known: true; readonly scenario: Scenario; readonly argument: string | null }
  | { readonly known: false; readonly name: string };

const MARKER = /#scenario:([A-Za-z0-9_-]+)(?::([A-Za-z0-9_-]+))?/g;

/** What CLIs add to the user's messages by themselves; a marker inside it was not written by the user. */
const INJECTED = /<system-reminder>[\s\S]*?<\/system-reminder>/g;

/** The last marker in a text that a user wrote, or null when there is none. */
export const lastMarker = (text: string): Choice | null => {
  const match = [...text.replaceAll(INJECTED, '').matchAll(MARKER)].at(-1);
  const name = match?.[1]?.toLowerCase();
  if (name === undefined) return null;
  const scenario = SCENARIOS.find((known) => known === name);
  return scenario === undefined
    ? { known: false, name }
    : { known: true, scenario, argument: match?.[2] ?? null };
};
