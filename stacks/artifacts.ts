import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type } from 'arktype';
import { FUNCTION_NAMES, type FunctionName } from './functions.ts';
import type { Settings } from './settings.ts';

/** One file of dist/, by the hash of its content. */
export type Artifact = { readonly path: string; readonly sha256: string };

/** What `bun run build` has made. */
export type Artifacts = {
  readonly layer: Artifact;
  readonly functions: Readonly<Partial<Record<FunctionName, Artifact>>>;
};

const Entry = type({ file: 'string', sha256: /^[0-9a-f]{64}$/ });
const Manifest = type('string.json.parse').to({
  layers: { arm64: Entry, x64: Entry },
  functions: { '[string]': Entry },
});

class MissingArtifacts extends Error {
  override readonly name = 'MissingArtifacts';
}

/** Reads the manifest of a build. Throws MissingArtifacts that names what is not there. */
export function readArtifacts(folder: string, settings: Settings): Artifacts {
  const file = join(folder, 'manifest.json');
  if (!existsSync(file)) throw new MissingArtifacts(`${file} does not exist: run \`bun run build\``);
  const { layers, functions } = Manifest.assert(readFileSync(file, 'utf8'));
  const missing = FUNCTION_NAMES.filter((name) => functions[name] === undefined);
  if (missing.length > 0) {
    throw new MissingArtifacts(`${file} lacks the functions ${missing.join(', ')}`);
  }
  const artifact = ({ file: name, sha256 }: typeof Entry.infer): Artifact => ({
    path: join(folder, name),
    sha256,
  });
  return {
    layer: artifact(layers[settings.architecture]),
    functions: Object.fromEntries(
      Object.entries(functions).map(([name, entry]) => [name, artifact(entry)]),
    ) as Partial<Record<FunctionName, Artifact>>,
  };
}
