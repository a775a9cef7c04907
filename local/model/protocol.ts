import type { Conversation } from './conversation.ts';
import { type ServerSentEvent, eventStream, untilAborted } from './stream.ts';
import { type ErrorStatus, type ScriptedTurn, type Turn, nextTurn } from './turn.ts';

/** A turn that is an answer, not an error. */
export type AnswerTurn = Exclude<Turn, { kind: 'error' }>;
export type ScriptedAnswer = ScriptedTurn & { readonly turn: AnswerTurn };

export type ModelRequest = {
  readonly conversation: Conversation;
  readonly stream: boolean;
  /** A CLI's internal question that wants JSON: never left hanging. */
  readonly structured: boolean;
};

/** How one vendor's API is spoken. The script is the same for all; only the wire differs. */
export type Protocol = {
  /** The request, or a message that says what is wrong with it. */
  read(body: unknown): ModelRequest | string;
  fail(status: ErrorStatus | 400, message: string): Response;
  /** The answer in one piece. */
  whole(request: ModelRequest, answer: ScriptedAnswer): unknown;
  /** The answer as a stream, in the vendor's order of events. */
  events(request: ModelRequest, answer: ScriptedAnswer, signal: AbortSignal): AsyncGenerator<ServerSentEvent>;
};

/** Told the scenario of a call before it is answered: some answers never come. */
export type NoteScenario = (scenario: string) => void;

/** The whole text of a text turn. */
export const textOf = (turn: AnswerTurn): string => (turn.kind === 'text' ? turn.deltas.join('') : '');

/** Answers one model call. Never throws for what a client sends: a bad body is the vendor's own 400. */
export const answer = async (
  protocol: Protocol,
  body: unknown,
  signal: AbortSignal,
  note: NoteScenario,
): Promise<Response> => {
  const request = protocol.read(body);
  if (typeof request === 'string') return protocol.fail(400, request);
  const { id, scenario, turn } = nextTurn(request.conversation);
  note(scenario);
  if (turn.kind === 'error') return protocol.fail(turn.status, turn.message);
  const scripted: ScriptedAnswer = { id, scenario, turn };
  if (request.stream) return eventStream((gone) => protocol.events(request, scripted, gone));
  if (turn.kind === 'text' && turn.hangs && !request.structured) await untilAborted(signal);
  return Response.json(protocol.whole(request, scripted));
};
