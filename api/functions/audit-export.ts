import { isoTime } from '../../shared/clock.ts';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { exportAudit } from '../operations/export-audit.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

const DAY_MS = 86_400_000;

/** Exports the day before. A schedule calls it once a day; a day that failed is exported by hand (docs/deploy.md). */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return async (event) => {
      const day = dayOf(event) ?? isoTime(deps.clock.now() - DAY_MS).slice(0, 10);
      const exported = await exportAudit(deps, day);
      deps.log.info('audit.exported', { day, ...exported });
      return { day, ...exported };
    };
  },
};

/** `{"day": "2026-11-23"}` asks for another day. */
function dayOf(event: unknown): string | undefined {
  if (typeof event !== 'object' || event === null || !('day' in event)) return undefined;
  return typeof event.day === 'string' ? event.day : undefined;
}
