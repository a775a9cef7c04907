import { parseArgs } from 'node:util';
import { readEnv } from '../../shared/env.ts';
import type { Credentials } from './sigv4.ts';

/** How one local AWS is to run. */
export type Settings = {
  readonly port: number;
  readonly dataDir: string;
  readonly withOutpost: boolean;
  readonly faults: boolean;
  /** Stop when standard input ends, for a parent that must leave no orphan. */
  readonly untilStdinCloses: boolean;
  /** Fixes the key pair; otherwise the data folder's own. */
  readonly credentials?: Credentials;
  /** Where the rotation functions answer, since there is no Lambda here. */
  readonly functionsUrl?: string;
  /** What runs tasks, since there is no ECS here. */
  readonly tasksUrl?: string;
};

const DEFAULT_PORT = 4566;

/** Reads flags and environment. Throws Error saying what is wrong with them. */
export function readSettings(args: string[], env: Readonly<Record<string, string | undefined>>): Settings {
  const { values } = parseArgs({
    args,
    options: {
      'with-outpost': { type: 'boolean', default: false },
      faults: { type: 'boolean', default: false },
      'until-stdin-closes': { type: 'boolean', default: false },
      credentials: { type: 'string' },
    },
  });
  const functionsUrl = urlOf(env, 'OUTPOST_LOCAL_FUNCTIONS_URL');
  const tasksUrl = urlOf(env, 'OUTPOST_LOCAL_TASKS_URL');
  return {
    port: parsePort(env['AWS_PORT']),
    dataDir: readEnv(env, ['OUTPOST_DATA_DIR']).OUTPOST_DATA_DIR,
    withOutpost: values['with-outpost'],
    faults: values.faults,
    untilStdinCloses: values['until-stdin-closes'],
    ...(values.credentials === undefined ? {} : { credentials: parseCredentials(values.credentials) }),
    ...(functionsUrl === undefined ? {} : { functionsUrl }),
    ...(tasksUrl === undefined ? {} : { tasksUrl }),
  };
}

function urlOf(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  const url = env[name];
  if (url && !URL.canParse(url)) throw new Error(`${name} must be a URL.`);
  return url || undefined;
}

function parsePort(text: string | undefined): number {
  if (!text) return DEFAULT_PORT;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new Error('AWS_PORT must be a port, 0 to 65535.');
  return port;
}

function parseCredentials(text: string): Credentials {
  const [, accessKeyId, secretAccessKey] = /^(\w{3,128}):(\S{8,})$/.exec(text) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new Error(
      '--credentials must be id:secret, the id of letters and digits, the secret of 8 or more.',
    );
  }
  return { accessKeyId, secretAccessKey };
}
