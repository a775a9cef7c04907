import { type } from 'arktype';
import { createApiDeps, readApiEnv } from '../deps.ts';
import { ingestAccessLog } from '../operations/ingest-access-log.ts';
import type { LambdaFunction } from '../runtime/run-function.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/services-cloudwatchlogs.html */
const LogsEvent = type({ awslogs: { data: 'string' } });
const LogsData = type('string.json.parse').to({
  messageType: 'string',
  logEvents: type({ message: 'string' }).array(),
});

/** Turns lines of the gateway's access log into audit entries. CloudWatch tries again when it throws. */
export const lambda: LambdaFunction = {
  async start(env, write) {
    const deps = await createApiDeps(readApiEnv(env), { write, streaming: false });
    return async (event) => {
      const { awslogs } = LogsEvent.assert(event);
      const { messageType, logEvents } = LogsData.assert(await gunzipped(awslogs.data));
      // CloudWatch says with a CONTROL_MESSAGE that it can reach the function.
      if (messageType !== 'DATA_MESSAGE') return { recorded: 0 };
      return {
        recorded: await ingestAccessLog(
          deps,
          logEvents.map(({ message }) => message),
        ),
      };
    };
  },
};

async function gunzipped(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const plain = new Response(bytes).body?.pipeThrough(new DecompressionStream('gzip'));
  return new Response(plain).text();
}
