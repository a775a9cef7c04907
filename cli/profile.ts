import { parseArgs } from 'node:util';
import { profileColdStart } from '../bench/profile/cold-start.ts';
import { profileRequest } from '../bench/profile/request.ts';

/** `bun run profile [cold-start|request]`: where the time of a cold start and of a request goes. */
const USAGE = `Usage: bun run profile [cold-start | request]

cold-start   the built API function up to its first answer: phases, and the packages and functions that take the time
request      POST /jobs and GET /jobs/{id} on a warm API: phases by their calls to AWS, and the hottest functions
Both, when neither is named. The profiler itself takes time: compare shares, not milliseconds.
`;

const PROFILES: Readonly<Record<string, () => Promise<string>>> = {
  'cold-start': profileColdStart,
  request: profileRequest,
};

async function main(): Promise<number> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  });
  const unknown = positionals.find((name) => !(name in PROFILES));
  if (values.help || unknown !== undefined) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 2;
  }
  for (const [name, profile] of Object.entries(PROFILES)) {
    if (positionals.length === 0 || positionals.includes(name)) process.stdout.write(`${await profile()}\n`);
  }
  return 0;
}

process.exitCode = await main();
