import { type ArkError, type ArkErrors, type, type Type } from 'arktype';
import { invalidField, OutpostError } from '../../shared/errors.ts';

/** Reading and parsing what a client sent. Every problem names its field; no value is ever repeated. */

/** Larger than any valid body: the longest command and metadata, fully escaped. */
export const BODY_MAX_BYTES = 128 * 1024;

const FIELD_NAME_SHOWN = 64;

/** The body's bytes. Throws payload_too_large as soon as the limit is passed, whatever Content-Length says. */
export async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > BODY_MAX_BYTES) {
      throw new OutpostError('payload_too_large', `The body may have at most ${BODY_MAX_BYTES} bytes.`);
    }
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** The body as JSON of a model. */
export function parseBody<S extends Type>(
  model: S,
  contentType: string | null,
  body: Uint8Array,
): S['infer'] {
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/json') {
    throw new OutpostError(
      'unsupported_media_type',
      'Send the body as JSON with Content-Type: application/json.',
    );
  }
  const value = decodeJson(body);
  // arktype takes a list for an object whose keys are all optional.
  if (Array.isArray(value)) throw invalidField('body', 'must be an object.');
  return parse(model, value, 'body');
}

function decodeJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    // The parser's message quotes the input, so it is not passed on.
    throw new OutpostError('invalid_request', 'The body is not valid JSON in UTF-8.', {
      errors: [{ field: 'body', message: 'is not valid JSON in UTF-8' }],
    });
  }
}

/** The query string as a model. A parameter given twice is an error, not a list. */
export function parseQuery<S extends Type>(model: S, query: URLSearchParams): S['infer'] {
  const seen = new Set<string>();
  for (const name of query.keys()) {
    if (seen.has(name)) throw invalidField(shown(name), 'was given more than once.');
    seen.add(name);
  }
  // fromEntries defines `__proto__` like any other name, where an assignment would drop it.
  return parse(model, Object.fromEntries(query), 'query');
}

/** Any value as a model. Throws invalid_request with every field that is wrong. */
export function parse<S extends Type>(model: S, value: unknown, where: string): S['infer'] {
  const parsed = model(value);
  if (!(parsed instanceof type.errors)) return parsed;
  const errors = fieldErrors(parsed, where);
  throw new OutpostError(
    'invalid_request',
    `${errors[0]?.field ?? where} ${errors[0]?.message ?? 'is wrong'}.`,
    {
      errors,
    },
  );
}

/** arktype's own messages quote the value; `expected` does not. */
const fieldErrors = (errors: ArkErrors, where: string) =>
  [...errors].map((error) => ({
    field: shown(error.path.length === 0 ? where : error.path.join('.')),
    message: problemOf(error),
  }));

const shown = (field: string): string =>
  field.length > FIELD_NAME_SHOWN ? `${field.slice(0, FIELD_NAME_SHOWN)}…` : field;

function problemOf(error: ArkError): string {
  if (error.expected === 'removed') return 'is not a known field';
  return error.code === 'required' ? 'is missing' : `must be ${error.expected}`;
}
