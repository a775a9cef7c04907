import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../../cli/run-tool.ts';
import { installStackPackages } from '../../cli/stack-packages.ts';
import { FUNCTION_NAMES } from '../../stacks/functions.ts';
import type { EnvironmentName } from '../../stacks/settings.ts';

/** JSON as it was synthesized. */
export type Attributes = { [name: string]: unknown };
export type StackJson = {
  resource: Record<string, Record<string, Attributes>>;
  output?: Record<string, Attributes>;
  data?: Record<string, Record<string, Attributes>>;
  terraform: { backend: Record<string, Attributes> };
};
/** The stacks of one environment by their name without prefix and environment: `data`, `queues` ... */
export type Stacks = Record<string, StackJson>;

export type Resource = { readonly id: string; readonly stack: string; readonly attributes: Attributes };

export const ACCOUNT = '123456789012';
export const TENANT = '4f8a4b52-9d0c-4f8e-8f3a-2b7f4d6f1c11';

/** Settings that make every optional resource. */
export const EVERYTHING: Record<string, unknown> = {
  accountId: ACCOUNT,
  network: 'private',
  state: { bucket: 'example-terraform-state', region: 'eu-west-1' },
  dedicatedTenants: [{ id: TENANT, uid: 200_017 }],
  consoleOrigin: 'https://console.example.com',
  domain: { name: 'api.example.com', certificateArn: `arn:aws:acm:us-east-1:${ACCOUNT}:certificate/x` },
  alarmEmail: 'operator@example.com',
};

/** A build that holds no code, for tests that only look at what surrounds it. */
export function fakeBuild(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const entry = (file: string) => {
    writeFileSync(join(folder, file), file);
    return { file, sha256: createHash('sha256').update(file).digest('hex') };
  };
  const manifest = {
    layers: { arm64: entry('layer-arm64.zip'), x64: entry('layer-x64.zip') },
    functions: Object.fromEntries(FUNCTION_NAMES.map((name) => [name, entry(`${name}.zip`)])),
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

/** Synthesizes an environment into `output`. */
export async function synthesizeInto(
  output: string,
  environment: EnvironmentName,
  overrides: Readonly<Record<string, unknown>>,
): Promise<void> {
  await installStackPackages();
  const settings = JSON.stringify({ accountId: ACCOUNT, ...overrides });
  const child = join(import.meta.dir, 'synth-child.ts');
  const { exitCode, output: printed } = await runTool(
    [process.execPath, child, environment, settings, fakeBuild(`${output}-build`), output],
    join(import.meta.dir, '../..'),
  );
  if (exitCode !== 0) throw new Error(printed);
}

/** The synthesized stacks of an environment. */
export async function synthesize(
  environment: EnvironmentName,
  overrides: Readonly<Record<string, unknown>> = {},
): Promise<Stacks> {
  const folder = mkdtempSync(join(tmpdir(), 'outpost-synth-'));
  try {
    await synthesizeInto(join(folder, 'out'), environment, overrides);
    return readStacks(join(folder, 'out'), environment);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function readStacks(output: string, environment: string): Stacks {
  const folder = join(output, 'stacks');
  return Object.fromEntries(
    readdirSync(folder).map((id) => {
      const json: StackJson = JSON.parse(readFileSync(join(folder, id, 'cdk.tf.json'), 'utf8'));
      return [id.replace(/^outpost-/, '').replace(new RegExp(`-${environment}$`), ''), json];
    }),
  );
}

/** All resources of a type, over all stacks. */
export const resources = (stacks: Stacks, type: string): Resource[] =>
  Object.entries(stacks).flatMap(([stack, { resource }]) =>
    Object.entries(resource[type] ?? {}).map(([id, attributes]) => ({ id, stack, attributes })),
  );

/** The one resource of a type with this id in one stack. Throws when there is none. */
export function resourceOf(stacks: Stacks, type: string, id: string): Attributes {
  const found = resources(stacks, type).find((each) => each.id === id);
  if (found === undefined) throw new Error(`no ${type} ${id}`);
  return found.attributes;
}

type StatementJson = {
  Effect: string;
  Action: string | string[];
  Resource?: string | string[];
  Condition?: unknown;
  Principal?: unknown;
};

/** The statements of every policy document anywhere in the resources. */
export function statements(stacks: Stacks): (Resource & { type: string; statement: StatementJson })[] {
  return Object.entries(stacks).flatMap(([stack, { resource }]) =>
    Object.entries(resource).flatMap(([type, all]) =>
      Object.entries(all).flatMap(([id, attributes]) =>
        Object.values(attributes).flatMap((value) =>
          documentsIn(value).flatMap((document) =>
            document.Statement.map((statement) => ({ stack, type, id, attributes, statement })),
          ),
        ),
      ),
    ),
  );
}

function documentsIn(value: unknown): { Statement: StatementJson[] }[] {
  if (typeof value !== 'string' || !value.startsWith('{') || !value.includes('"Statement"')) return [];
  return [JSON.parse(value)];
}

export const asList = (value: string | string[] | undefined): string[] =>
  value === undefined ? [] : [value].flat();
