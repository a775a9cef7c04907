import { anthropic, anthropicTokenCount } from './anthropic.ts';
import { gemini, geminiTokenCount } from './gemini.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';
import { type NoteScenario, type Protocol, answer } from './protocol.ts';
import { type RequestRecord, recordOf, remember } from './record.ts';

const MODELS = ['scripted-model', 'grok-4', 'grok-4-fast', 'gpt-5-codex', 'gpt-4o'];

const modelList = {
  object: 'list',
  data: MODELS.map((id) => ({ id, object: 'model', created: 1, owned_by: 'outpost' })),
};

type Answer = Promise<Response> | Response;

const modelCall = async (protocol: Protocol, request: Request, note: NoteScenario): Promise<Response> => {
  let body: unknown;
  try {
    body = await request.json();
  } catch {
    return protocol.fail(400, 'The request body is not JSON.');
  }
  return answer(protocol, body, request.signal, note);
};

const geminiCall = (model: string, method: string, request: Request, note: NoteScenario): Answer => {
  if (method === 'countTokens') return Response.json(geminiTokenCount);
  if (method === 'generateContent') return modelCall(gemini(model, false), request, note);
  if (method === 'streamGenerateContent') return modelCall(gemini(model, true), request, note);
  return Response.json({ error: { code: 404, message: `no method ${method}` } }, { status: 404 });
};

/** Routes by how the path ends: whatever prefix a CLI puts before it is the CLI's business. */
const route = (request: Request, path: string, note: NoteScenario): Answer => {
  if (request.method === 'POST') {
    if (path.endsWith('/messages/count_tokens')) return Response.json(anthropicTokenCount);
    if (path.endsWith('/messages')) return modelCall(anthropic, request, note);
    if (path.endsWith('/responses')) return modelCall(openaiResponses, request, note);
    if (path.endsWith('/chat/completions')) return modelCall(openaiChat, request, note);
    const [, model, method] = /\/models\/([^:/]+):(\w+)$/.exec(path) ?? [];
    if (model !== undefined && method !== undefined) return geminiCall(model, method, request, note);
  }
  if (request.method === 'GET' && path.endsWith('/models')) return Response.json(modelList);
  const message = `the scripted model has no ${request.method} ${path}`;
  return Response.json({ error: { message, type: 'not_found' } }, { status: 404 });
};

export type ScriptedModel = { readonly endpoint: string; stop(): Promise<void> };

/**
 * Starts the scripted model on loopback. Port 0 takes a free one. `stop` cuts open streams.
 * `GET /health` and `GET /_requests` (a list of RequestRecord, oldest first) are its own.
 */
export const startScriptedModel = (port: number): ScriptedModel => {
  const records: RequestRecord[] = [];
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    // Bun closes idle connections after 10 s by default, which would end a hanging answer.
    idleTimeout: 0,
    async fetch(request) {
      const url = new URL(request.url);
      if (url.pathname === '/health') return Response.json({ status: 'ok' });
      if (url.pathname === '/_requests') return Response.json(records);
      const record = recordOf(request, url);
      remember(records, record);
      return route(request, url.pathname, (scenario) => {
        record.scenario = scenario;
      });
    },
  });
  return { endpoint: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
};
