import Ajv2020 from 'ajv/dist/2020';
import { openApiDocument } from '../../api/http/openapi.ts';
import { ROUTES } from '../../api/routes/table.ts';
import { AGENT_IDS } from '../../shared/agents.ts';

/** The OpenAPI document as tests hold the running app to it. */
export const DOCUMENT = openApiDocument(ROUTES, AGENT_IDS);

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'openapi', ...DOCUMENT });

type Content = Record<string, unknown>;

/**
 * Throws when an answer is not one that the document allows for this method and path: status, content type,
 * request id and body. Requests to paths outside the document are left alone.
 */
export async function checkAnswer(method: string, path: string, answer: Response): Promise<void> {
  const pathname = path.split('?')[0] ?? '';
  const template = Object.keys(DOCUMENT['paths'] as object).find((each) => matches(each, pathname));
  const pointer = template?.replaceAll('~', '~0').replaceAll('/', '~1');
  const operation =
    template && (DOCUMENT['paths'] as Record<string, Content>)[template]?.[method.toLowerCase()];
  if (template === undefined || operation === undefined || operation === '') return;
  const where = `${method} ${template} -> ${answer.status}`;
  const { responses, security } = operation as {
    responses: Record<string, { content?: Content; headers?: Content }>;
    security: unknown[];
  };
  const documented = responses[String(answer.status)];
  if (documented === undefined) throw new Error(`${where} is not documented: ${await answer.clone().text()}`);
  checkHeaders(where, answer, documented.headers ?? {}, security.length > 0);
  const contentType = answer.headers.get('content-type')?.split(';')[0] ?? '';
  const contents = Object.keys(documented.content ?? {});
  if (contents.length === 0) return;
  const match = contents.find((each) => each === contentType || each === '*/*');
  if (match === undefined)
    throw new Error(`${where}: content type ${contentType} is not among ${contents.join(', ')}`);
  if (!contentType.endsWith('json')) return;
  const reference = `openapi#/paths/${encodeURIComponent(pointer ?? '')}/${method.toLowerCase()}/responses/${answer.status}/content/${encodeURIComponent(match.replaceAll('/', '~1'))}/schema`;
  const validate = ajv.getSchema(reference);
  if (validate === undefined) throw new Error(`${where}: no schema at ${reference}`);
  if (validate(await answer.clone().json()) !== true) {
    throw new Error(`${where} does not match the document: ${ajv.errorsText(validate.errors)}`);
  }
}

/** What HTTP itself is made of, and what every answer of ours has. */
const GENERAL = new Set(
  'cache-control connection content-length content-type date keep-alive transfer-encoding x-content-type-options'.split(
    ' ',
  ),
);

/** Headers and the document agree both ways; one behind a key tells its limit, unless the limiter was not reached. */
function checkHeaders(where: string, answer: Response, documented: Content, hasKey: boolean): void {
  for (const name of answer.headers.keys()) {
    if (!GENERAL.has(name) && !(name in documented))
      throw new Error(`${where}: the header ${name} is not documented`);
  }
  const { headers } = DOCUMENT['components'] as {
    headers: Record<string, { required?: boolean; schema: object }>;
  };
  for (const [name, { required, schema }] of Object.entries(headers)) {
    const value = answer.headers.get(name);
    const always = required === true || (name.startsWith('ratelimit') && hasKey && answer.status < 500);
    if (value === null && always && name in documented) throw new Error(`${where} has no ${name}`);
    if (value === null) continue;
    const isValid: boolean = ajv.compile(schema)(value);
    if (!isValid) throw new Error(`${where}: ${name} is ${value}`);
  }
}

const matches = (template: string, pathname: string): boolean =>
  new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')}$`).test(pathname);
