import { parseArgs } from 'node:util';
import { bootstrap } from '../api/operations/bootstrap.ts';
import { ensurePepper } from '../api/operations/ensure-pepper.ts';
import { AWS_OPTIONAL_VARIABLES, createStore } from '../shared/deps.ts';
import { EnvError, readEnv } from '../shared/env.ts';
import { useLocalSystem } from './local-system.ts';

/**
 * `bun run bootstrap`: the pepper and the first admin key of an environment, once. With OUTPOST_ENV and
 * AWS_REGION it works on that deployment; without, on the system that `bun start` runs on this machine.
 */
const USAGE = `Usage: bun run bootstrap [--rotate] [--email address]

Creates the pepper and the first admin key, once, and prints the key.
  --rotate   replace the admin key: the one before is revoked at once
  --email    the operator's address
`;

const EMAIL_DEFAULT = 'operator@outpost.example';

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rotate: { type: 'boolean', default: false },
      email: { type: 'string', default: EMAIL_DEFAULT },
      help: { type: 'boolean', default: false, short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  useLocalSystem();
  const env = readEnv(
    process.env,
    ['OUTPOST_ENV', 'AWS_REGION', 'OUTPOST_AUDIT_RETENTION_DAYS', 'OUTPOST_UID_START', 'OUTPOST_UID_COUNT'],
    AWS_OPTIONAL_VARIABLES,
  );
  const { store, secrets } = createStore(env);
  const settings = {
    pepper: await ensurePepper(secrets),
    uidStart: env.OUTPOST_UID_START,
    uidCount: env.OUTPOST_UID_COUNT,
  };
  const result = await bootstrap(store, settings, { rotate: values.rotate, email: values.email });
  if (result.kind === 'exists') {
    process.stdout.write(
      `The admin key of ${env.OUTPOST_ENV} was made before; nothing was changed. --rotate replaces it.\n`,
    );
    return 0;
  }
  process.stdout.write(`Admin key of ${env.OUTPOST_ENV}, shown this once:\n${result.adminKey}\n`);
  return 0;
}

try {
  process.exit(await main());
} catch (error) {
  const known = error instanceof EnvError || error instanceof Error;
  process.stderr.write(`bootstrap: ${known ? error.message : 'failed'}\n`);
  process.exit(1);
}
