import path from 'node:path';
import { errorLine, runTool } from './run-tool.ts';

/** aider 0.86 runs on these; its lockfile (requirements.txt) is made for all of them. */
const PYTHONS = ['python3.12', 'python3.11', 'python3.10', 'python3'];
const SUPPORTED = 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 12) else 1)';

const findPython = async (cwd: string): Promise<string | null> => {
  for (const name of PYTHONS) {
    const python = Bun.which(name);
    if (python !== null && (await runTool([python, '-I', '-c', SUPPORTED], cwd)).exitCode === 0)
      return python;
  }
  return null;
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
  const python = await findPython(folder);
  if (python === null) return 'it needs Python 3.10, 3.11 or 3.12 as python3 in PATH';
  onProgress('making a Python environment');
  const made = await runTool([python, '-m', 'venv', 'venv'], folder);
  if (made.exitCode !== 0) {
    return `${errorLine(made.output)} (on Debian and Ubuntu: apt-get install python3-venv)`;
  }
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
