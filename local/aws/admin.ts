import type { Calls } from './calls.ts';
import type { Faults } from './faults.ts';

/** What a test may do to a running local AWS. The routes exist only when it was started with `--faults`. */
export type Admin = {
  readonly faults: Faults;
  readonly calls: Calls;
  /** Lets time jump, for every service and for the Date header. */
  advance(milliseconds: number): void;
};

export const ADMIN_PREFIX = '/_outpost/';

/**
 * POST /_outpost/faults {rules}, GET (with hit counts), DELETE; POST /_outpost/calls {action: start | stop | read};
 * POST /_outpost/clock {advance_ms}.
 */
export async function handleAdmin(admin: Admin, request: Request, url: URL): Promise<Response> {
  switch (`${request.method} ${url.pathname.slice(ADMIN_PREFIX.length)}`) {
    case 'POST faults':
      return setRules(admin.faults, await request.text());
    case 'GET faults':
      return Response.json({ rules: admin.faults.list() });
    case 'DELETE faults':
      admin.faults.clear();
      return Response.json({ rules: [] });
    case 'POST calls':
      return control(admin.calls, await request.text());
    case 'POST clock':
      return advance(admin, await request.text());
    default:
      return problem(404, `no such admin route: ${request.method} ${url.pathname}`);
  }
}

function setRules(faults: Faults, text: string): Response {
  try {
    const body: unknown = JSON.parse(text);
    faults.set(typeof body === 'object' && body !== null && 'rules' in body ? body.rules : undefined);
  } catch (cause) {
    if (cause instanceof TypeError || cause instanceof SyntaxError) return problem(400, cause.message);
    throw cause;
  }
  return Response.json({ rules: faults.list() });
}

function control(calls: Calls, text: string): Response {
  const action = /^\s*\{\s*"action"\s*:\s*"(start|stop|read)"\s*\}\s*$/.exec(text)?.[1];
  if (action === undefined) return problem(400, 'expected {"action": "start" | "stop" | "read"}');
  if (action === 'start') calls.start();
  if (action === 'stop') calls.stop();
  return Response.json({ calls: calls.read() });
}

function advance(admin: Admin, text: string): Response {
  const milliseconds = /^\s*\{\s*"advance_ms"\s*:\s*(\d{1,9})\s*\}\s*$/.exec(text)?.[1];
  if (milliseconds === undefined) return problem(400, 'expected {"advance_ms": a whole number below 1e9}');
  admin.advance(Number(milliseconds));
  return Response.json({});
}

const problem = (status: number, detail: string): Response => Response.json({ detail }, { status });
