import path from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

/** aider 0.86 runs on these; its lockfile (requirements.txt) is made for all of them. */
const PYTHONS = ['python3.12', 'python3.11', 'python3.10', 'python3'];
const SUPPORTED = 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else 1)';

/** The environment links to its Python, and a tenant's user must reach that, too: one in a private home is last. */
const SYSTEM_PATH = '/usr/local/bin:/usr/bin:/bin';

const findPythons = async (cwd: string): Promise<string[]> => {
  const places = [SYSTEM_PATH, process.env['PATH'] ?? ''];
  const candidates = places.flatMap((PATH) => PYTHONS.flatMap((name) => Bun.which(name, { PATH }) ?? []));
  const supported: string[] = [];
  for (const python of new Set(candidates)) {
    if ((await runTool([python, '-I', '-c', SUPPORTED], cwd)).exitCode === 0) supported.push(python);
  }
  return supported;
};

/** Makes `venv` with the first Python that can; answers with what is wrong, or null. */
const makeEnvironment = async (folder: string): Promise<string | null> => {
  let problem = 'it needs Python 3.10, 3.11 or 3.12 as python3 in PATH';
  for (const python of await findPythons(folder)) {
    const made = await runTool([python, '-m', 'venv', '--clear', 'venv'], folder);
    if (made.exitCode === 0) return null;
    problem = `${errorLine(made.output)} (on Debian and Ubuntu: apt-get install python3-venv)`;
  }
  return problem;
};

/**
 * Installs what requirements.txt pins by hash into `venv` in an empty folder. Only wheels: no code of a
 * package runs. The folder may be renamed afterwards, since agents start its python with `-m`. Answers with
 * what is wrong, or null.
 */
export const installFromPypi = async (
  manifest: string,
  folder: string,
  onProgress: (line: string) => void,
): Promise<string | null> => {
  onProgress('making a Python environment');
  const problem = await makeEnvironment(folder);
  if (problem !== null) return problem;
  onProgress('downloading from PyPI');
  const requirements = path.join(manifest, 'requirements.txt');
  const options = [
    '--disable-pip-version-check',
    '--quiet',
    '--require-hashes',
    '--no-deps',
    '--only-binary',
    ':all:',
  ];
  const installed = await runTool(
    [path.join(folder, 'venv', 'bin', 'python'), '-m', 'pip', 'install', ...options, '-r', requirements],
    folder,
  );
  if (installed.exitCode === 0) return null;
  return `${errorLine(installed.output)}. Check that PyPI can be reached, then run it again.`;
};
