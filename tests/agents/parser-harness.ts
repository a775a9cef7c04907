import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { EventDraft, Usage } from '../../shared/model/event.ts';
import type { AgentVerdict } from '../../worker/agents/parser.ts';
import { createParser } from '../../worker/agents/parsers/create-parser.ts';
import type { AgentRow } from '../../worker/agents/row.ts';

export type Parsed = {
  readonly events: readonly EventDraft[];
  readonly verdict: AgentVerdict | null;
  readonly usage: Usage | null;
};

/** Runs a fresh parser over a whole run's output. */
export const parseRun = (parser: AgentRow['parser'], stdout: string, stderr = ''): Parsed => {
  const run = createParser(parser);
  const events = [
    ...stderr.split('\n').flatMap((line) => run.stderr(line)),
    ...stdout.split('\n').flatMap((line) => run.stdout(line)),
  ];
  return { events, ...run.finish() };
};

export const sample = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, 'samples', name), 'utf8');

/** The events of one type. */
export const ofType = <T extends EventDraft['type']>(
  parsed: Parsed,
  type: T,
): Extract<EventDraft, { type: T }>[] =>
  parsed.events.filter((event): event is Extract<EventDraft, { type: T }> => event.type === type);
