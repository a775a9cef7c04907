import { expect } from 'bun:test';
import { type } from 'arktype';
import { Problem } from '../../api/http/problem-model.ts';

export type ProblemBody = typeof Problem.infer;

/**
 * The problem that an answer carries, after holding it to what every refusal promises: the status and code
 * asked for, problem+json, one request id, WWW-Authenticate on 401, words in place of regular expressions, and none
 * of `secrets` anywhere in it.
 */
export async function expectProblem(
  answer: Response,
  status: number,
  code: ProblemBody['code'],
  secrets: readonly string[] = [],
): Promise<ProblemBody> {
  const text = await answer.text();
  expect({ status: answer.status, text }).toMatchObject({ status });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  const problem = Problem(JSON.parse(text));
  if (problem instanceof type.errors) throw new Error(problem.summary);
  expect(problem).toMatchObject({ status, code, request_id: answer.headers.get('x-request-id') ?? 'none' });
  expect(answer.headers.has('www-authenticate')).toBe(status === 401);
  expect(text).not.toContain('matched by');
  const headers = JSON.stringify([...answer.headers]);
  for (const secret of secrets) {
    expect(text).not.toContain(secret);
    expect(headers).not.toContain(secret);
  }
  return problem;
}

/** An answer's body without what differs between any two requests. */
export async function comparable(answer: Response): Promise<object> {
  const body: object = await answer.json();
  return { ...body, request_id: '' };
}

/** Planted in every wrong value: no answer may repeat it. */
export const PLANTED = 'sk-planted-0123456789abcdef';

export const refused = (
  answer: Response,
  status = 400,
  code: ProblemBody['code'] = 'invalid_request',
): Promise<ProblemBody> => expectProblem(answer, status, code, [PLANTED]);

export const fieldsOf = (problem: ProblemBody): string[] => (problem.errors ?? []).map(({ field }) => field);

/** Expects the answer to be a refusal that names exactly this field. */
export async function refusedFor(answer: Response, field: string): Promise<void> {
  const problem = await refused(answer);
  expect(fieldsOf(problem)).toEqual([field]);
  expect(problem.detail).toContain(field);
}
