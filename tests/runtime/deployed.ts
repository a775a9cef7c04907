import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFunction } from '../../cli/build/functions.ts';
import { BOOTSTRAP } from '../../cli/build/layer.ts';
import type { FunctionName } from '../../stacks/functions.ts';
import { type LambdaProcess, startLambda } from './lambda-process.ts';

/** Functions as they lie on Lambda: the layer in opt/, and the content of each function's archive. */
export async function deployInto(folder: string, names: readonly FunctionName[]): Promise<void> {
  const layer = join(folder, 'opt');
  mkdirSync(layer, { recursive: true });
  writeFileSync(join(layer, 'bootstrap'), BOOTSTRAP);
  chmodSync(join(layer, 'bootstrap'), 0o755);
  symlinkSync(process.execPath, join(layer, 'bun'));
  for (const name of names) {
    mkdirSync(join(folder, name));
    for (const { name: file, content } of await bundleFunction(name, folder)) {
      writeFileSync(join(folder, name, file), content);
    }
  }
}

/** Starts a deployed function's process as Lambda does: the layer's bootstrap, with the task's root. */
export const startDeployed = (
  folder: string,
  name: FunctionName,
  env: Readonly<Record<string, string>>,
): LambdaProcess =>
  startLambda(
    [join(folder, 'opt/bootstrap')],
    { ...env, LAMBDA_TASK_ROOT: join(folder, name) },
    join(folder, name),
  );
