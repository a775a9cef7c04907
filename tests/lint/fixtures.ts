/** A file that breaks one rule, and the rule that must say so. */
export type Violation = { readonly path: string; readonly source: string; readonly rule: string };

const imports = 'outpost(imports)';
const environment = 'outpost(environment)';
const clients = 'outpost(clients)';
const spawning = 'outpost(spawning)';
const edge = 'outpost(edge-first)';

/** Files that the fixtures import; each folder of the layout has one. */
export const TARGETS = [
  'shared/ids.ts',
  'shared/tables.ts',
  'shared/store/read-job.ts',
  'api/app.ts',
  'api/http/problem.ts',
  'api/routes/jobs-table.ts',
  'api/operations/get-job.ts',
  'worker/loop.ts',
  'stacks/data.ts',
  'local/aws/server.ts',
  'cli/tool.ts',
  'tests/harness/tool.ts',
] as const;

const importing = (path: string, imported: string): Violation => {
  const up = '../'.repeat(path.split('/').length - 1) || './';
  return {
    path,
    source: `import { value } from '${up}${imported}';\nexport const used = value;\n`,
    rule: imports,
  };
};

export const VIOLATIONS: readonly Violation[] = [
  importing('shared/a.ts', 'api/app.ts'),
  importing('shared/b.ts', 'worker/loop.ts'),
  importing('shared/c.ts', 'local/aws/server.ts'),
  importing('shared/d.ts', 'tests/harness/tool.ts'),
  importing('shared/e.ts', 'cli/tool.ts'),
  importing('api/routes/store.ts', 'shared/store/read-job.ts'),
  importing('api/operations/route.ts', 'api/routes/jobs-table.ts'),
  importing('api/operations/http.ts', 'api/http/problem.ts'),
  importing('api/worker.ts', 'worker/loop.ts'),
  importing('api/stack.ts', 'stacks/data.ts'),
  importing('api/local.ts', 'local/aws/server.ts'),
  importing('worker/api.ts', 'api/operations/get-job.ts'),
  importing('worker/stack.ts', 'stacks/data.ts'),
  importing('worker/local.ts', 'local/aws/server.ts'),
  importing('stacks/api.ts', 'api/app.ts'),
  importing('stacks/worker.ts', 'worker/loop.ts'),
  importing('stacks/shared.ts', 'shared/ids.ts'),
  importing('local/api.ts', 'api/app.ts'),
  importing('local/worker.ts', 'worker/loop.ts'),
  importing('local/stacks.ts', 'stacks/data.ts'),
  importing('local/shared.ts', 'shared/ids.ts'),
  importing('cli/tests.ts', 'tests/harness/tool.ts'),
  importing('unknown/layer.ts', 'shared/ids.ts'),
  { path: 'worker/re-export.ts', source: `export { value } from '../api/app.ts';\n`, rule: imports },
  { path: 'worker/export-all.ts', source: `export * from '../api/app.ts';\n`, rule: imports },
  {
    path: 'worker/type.ts',
    source: `import type { Value } from '../api/app.ts';\nexport type A = Value;\n`,
    rule: imports,
  },
  {
    path: 'worker/import-type.ts',
    source: `export type A = import('../api/app.ts').Value;\n`,
    rule: imports,
  },
  {
    path: 'worker/dynamic.ts',
    source: `export const load = () => import('../api/app.ts');\n`,
    rule: imports,
  },
  {
    path: 'worker/template.ts',
    source: 'export const load = () => import(`../api/app.ts`);\n',
    rule: imports,
  },
  {
    path: 'worker/roundabout.ts',
    source: `export { value } from '../worker/../api/app.ts';\n`,
    rule: imports,
  },
  { path: 'worker/extension.ts', source: `export { value } from './loop';\n`, rule: imports },
  { path: 'worker/alias.ts', source: `export { value } from '#api/app.ts';\n`, rule: imports },
  { path: 'worker/absolute.ts', source: `export { value } from '/api/app.ts';\n`, rule: imports },
  { path: 'worker/outside.ts', source: `export { value } from '../../elsewhere.ts';\n`, rule: imports },

  { path: 'worker/env-member.ts', source: `export const a = process.env['A'];\n`, rule: environment },
  { path: 'worker/env-computed.ts', source: `export const a = process['env']['A'];\n`, rule: environment },
  { path: 'worker/env-pattern.ts', source: `export const { env: e } = process;\n`, rule: environment },
  {
    path: 'worker/env-global.ts',
    source: `export const a = globalThis.process.env['A'];\n`,
    rule: environment,
  },
  { path: 'worker/env-bun.ts', source: `export const a = Bun.env['A'];\n`, rule: environment },
  { path: 'worker/env-meta.ts', source: `export const a = import.meta.env['A'];\n`, rule: environment },
  {
    path: 'worker/env-alias.ts',
    source: `const p = process;\nexport const a = p.argv;\n`,
    rule: environment,
  },
  {
    path: 'worker/env-import.ts',
    source: `import { env } from 'node:process';\nexport const a = env['A'];\n`,
    rule: environment,
  },
  {
    path: 'worker/env-default.ts',
    source: `import p from 'node:process';\nexport const a = p.env['A'];\n`,
    rule: environment,
  },
  { path: 'local/aws/env.ts', source: `export const a = process.env['A'];\n`, rule: environment },
  { path: 'stacks/env.ts', source: `export const a = process.env['A'];\n`, rule: environment },

  {
    path: 'shared/client.ts',
    source: `import { S3Client } from '@aws-sdk/client-s3';\nexport const s3 = new S3Client({});\n`,
    rule: clients,
  },
  {
    path: 'worker/client-renamed.ts',
    source: `import { SQSClient as Queue } from '@aws-sdk/client-sqs';\nexport const sqs = new Queue({});\n`,
    rule: clients,
  },
  {
    path: 'api/client-namespace.ts',
    source: `import * as aws from '@aws-sdk/client-dynamodb';\nexport const db = new aws.DynamoDBClient({});\n`,
    rule: clients,
  },
  {
    path: 'api/client-aggregate.ts',
    source: `import { S3 } from '@aws-sdk/client-s3';\nexport const s3 = new S3({});\n`,
    rule: clients,
  },
  {
    path: 'api/client-dynamic.ts',
    source: `const { S3Client } = await import('@aws-sdk/client-s3');\nexport const s3 = new S3Client({});\n`,
    rule: clients,
  },

  { path: 'worker/spawn.ts', source: `export const p = Bun.spawn(['true']);\n`, rule: spawning },
  { path: 'worker/spawn-sync.ts', source: `export const p = Bun['spawnSync'](['true']);\n`, rule: spawning },
  { path: 'worker/shell.ts', source: 'export const p = Bun.$`true`;\n', rule: spawning },
  {
    path: 'worker/spawn-pattern.ts',
    source: `const { spawn } = Bun;\nexport const p = spawn(['true']);\n`,
    rule: spawning,
  },
  {
    path: 'worker/spawn-bun.ts',
    source: `import { spawn } from 'bun';\nexport const p = spawn(['true']);\n`,
    rule: spawning,
  },
  {
    path: 'worker/child-process.ts',
    source: `import { exec } from 'node:child_process';\nexport const p = exec('true');\n`,
    rule: spawning,
  },
  {
    path: 'local/aws/child-process.ts',
    source: `export const load = () => import('child_process');\n`,
    rule: spawning,
  },

  { path: 'api/bun.ts', source: `export const file = Bun.file('x');\n`, rule: edge },
  { path: 'api/bun-global.ts', source: `export const b = globalThis.Bun;\n`, rule: edge },
  {
    path: 'api/bun-module.ts',
    source: `import { Database } from 'bun:sqlite';\nexport const d = Database;\n`,
    rule: edge,
  },
  {
    path: 'api/operations/fs.ts',
    source: `import { readFileSync } from 'node:fs';\nexport const f = readFileSync;\n`,
    rule: edge,
  },
  {
    path: 'shared/bare-path.ts',
    source: `import { join } from 'path';\nexport const j = join;\n`,
    rule: edge,
  },
  { path: 'shared/buffer.ts', source: `export const b = Buffer.from('x');\n`, rule: edge },
  { path: 'shared/process.ts', source: `export const pid = process.pid;\n`, rule: edge },
  { path: 'shared/meta.ts', source: `export const dir = import.meta.dir;\n`, rule: edge },

  {
    path: 'worker/double.ts',
    source: `export const f = (a: string) => a as unknown as number;\n`,
    rule: 'outpost(double-assertion)',
  },
  {
    path: 'worker/any.ts',
    source: `export const f = (a: any) => String(a);\n`,
    rule: 'typescript(no-explicit-any)',
  },
  {
    path: 'worker/assert.ts',
    source: `export const f = (a?: string) => a!.length;\n`,
    rule: 'typescript(no-non-null-assertion)',
  },
  {
    path: 'worker/floating.ts',
    source: `const work = async () => 1;\nexport const f = () => {\n  work();\n};\n`,
    rule: 'typescript(no-floating-promises)',
  },
  {
    path: 'worker/misused.ts',
    source: `const work = async () => true;\nexport const f = () => {\n  if (work()) return 1;\n  return 2;\n};\n`,
    rule: 'typescript(no-misused-promises)',
  },
  {
    path: 'worker/ignore.ts',
    source: `// @ts-ignore\nexport const a: number = 'x';\n`,
    rule: 'typescript(ban-ts-comment)',
  },
  { path: 'worker/equal.ts', source: `export const f = (a: string) => a == 'x';\n`, rule: 'eslint(eqeqeq)' },
  {
    path: 'worker/console.ts',
    source: `console.log('x');\nexport const a = 1;\n`,
    rule: 'eslint(no-console)',
  },
  {
    path: 'worker/swallow.ts',
    source: `export const f = (work: () => void) => {\n  try {\n    work();\n  } catch {}\n};\n`,
    rule: 'eslint(no-empty)',
  },
  {
    path: 'worker/todo.ts',
    source: `// TODO: later\nexport const a = 1;\n`,
    rule: 'eslint(no-warning-comments)',
  },
  {
    path: 'worker/protocol.ts',
    source: `import { join } from 'path';\nexport const j = join;\n`,
    rule: 'unicorn(prefer-node-protocol)',
  },
  { path: 'worker/barrel.ts', source: `export * from './loop.ts';\n`, rule: 'oxc(no-barrel-file)' },
  {
    path: 'worker/cycle-a.ts',
    source: `import { b } from './cycle-b.ts';\nexport const a = () => b;\n`,
    rule: 'import(no-cycle)',
  },
  {
    path: 'worker/cycle-b.ts',
    source: `import { a } from './cycle-a.ts';\nexport const b = () => a;\n`,
    rule: 'import(no-cycle)',
  },
  {
    path: 'tests/focused.test.ts',
    source: `import { expect, test } from 'bun:test';\ntest.only('a', () => expect(1).toBe(1));\n`,
    rule: 'outpost(honest-tests)',
  },
  {
    path: 'tests/unawaited.test.ts',
    source: `import { expect, test } from 'bun:test';\ntest('a', () => {\n  expect(Promise.reject(new Error('x'))).rejects.toThrow('y');\n});\n`,
    rule: 'outpost(honest-tests)',
  },
];

/** What the rules allow: none of these may be reported. */
export const CLEAN: Readonly<Record<string, string>> = {
  'api/routes/jobs.ts': `import { value } from '../operations/get-job.ts';\nexport const used = value;\n`,
  'api/operations/list.ts': `import { value } from '../../shared/store/read-job.ts';\nexport const used = value;\n`,
  'api/deps.ts': `import { S3Client } from '@aws-sdk/client-s3';\nexport const s3 = new S3Client({});\n`,
  'api/command.ts': `import { GetObjectCommand } from '@aws-sdk/client-s3';\nexport const c = new GetObjectCommand({ Bucket: 'b', Key: 'k' });\n`,
  'api/serve.ts': `export const port = process.env['PORT'];\nexport const text = () => Bun.file('x').text();\n`,
  'api/runtime/loop.ts': `import { readFileSync } from 'node:fs';\nexport const f = readFileSync;\n`,
  'shared/hash.ts': `import { createHash } from 'node:crypto';\nexport const h = createHash;\n`,
  'shared/property.ts': `export const f = (job: { process: string; env: string }) => job.process + job.env;\n`,
  'shared/shadow.ts': `export const f = (process: { env: string }[]) => process.length;\n`,
  'shared/log.ts': `export const log = (line: string) => console.log(line);\n`,
  'worker/main.ts': `export const region = process.env['AWS_REGION'];\n`,
  'worker/launcher/launch.ts': `export const p = () => Bun.spawn(['true']);\n`,
  'stacks/config.ts': `export const account = process.env['ACCOUNT'];\n`,
  'stacks/tables.ts': `import { value } from '../shared/tables.ts';\nexport const used = value;\n`,
  'local/aws/tables.ts': `import { value } from '../../shared/tables.ts';\nexport const used = value;\n`,
  'local/aws/main.ts': `export const port = process.env['AWS_PORT'];\n`,
  'cli/any.ts': `import { value } from '../worker/loop.ts';\nexport const p = () => Bun.spawn([process.env['X'] ?? String(value)]);\n`,
  'tests/a.test.ts': `import { expect, test } from 'bun:test';\nimport { value } from '../api/app.ts';\ntest('a', async () => {\n  await expect(Promise.resolve(value)).resolves.toBe(1);\n});\n`,
};
