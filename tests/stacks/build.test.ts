import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerfileFaults } from '../../cli/build/dockerfile.ts';
import { bundleFunction } from '../../cli/build/functions.ts';
import { runTool } from '../../cli/run-tool.ts';
import { installStackPackages } from '../../cli/stack-packages.ts';
import { WORKER_RUNTIME_ENV } from '../../worker/runtime-env.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'outpost-build-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a build', () => {
  test('makes the same bundle of a function twice', async () => {
    const hashes = async (): Promise<string[]> =>
      (await bundleFunction('rotation', folder)).map(({ content }) => Bun.hash(content).toString());
    expect(await hashes()).toEqual(await hashes());
  }, 180_000);

  test('makes the same archive in every time zone', async () => {
    await installStackPackages();
    const program = `
      import { zip } from './stacks/zip.ts';
      const entries = [{ name: 'index.js', content: Buffer.from('text'), mode: 0o644 }];
      console.log(Bun.hash(await zip(entries)).toString());`;
    const hashes = ['UTC', 'Asia/Tokyo', 'America/Los_Angeles'].map((TZ) =>
      Bun.spawnSync([process.execPath, '-e', program], { env: { ...process.env, TZ } }).stdout.toString(),
    );
    expect(hashes[0]).toMatch(/^\d+\n$/);
    expect(new Set(hashes).size).toBe(1);
  }, 180_000);

  test('leaves no path of the machine in a bundle', async () => {
    const entries = await bundleFunction('rotation', folder);
    for (const { content } of entries) expect(Buffer.from(content).includes(process.cwd())).toBe(false);
  }, 180_000);
});

/** The layers are 100 MB to compress: asked in CI. */
const everything = Number(process.env['OUTPOST_TEST_SCALE'] ?? 1) > 1;
const reason = everything ? '' : ' (skipped: only with OUTPOST_TEST_SCALE above 1)';

describe.skipIf(!everything)(`bun run build${reason}`, () => {
  /** Every file that a build has made, by the hash of its content. */
  const build = async (name: string): Promise<Record<string, string>> => {
    const out = join(folder, name);
    const built = await runTool(
      [process.execPath, 'cli/build.ts', '--out', out],
      join(import.meta.dir, '../..'),
    );
    expect(built.exitCode === 0 ? '' : built.output).toBe('');
    const files = [...new Bun.Glob('**/*').scanSync({ cwd: out, dot: true })].toSorted();
    return Object.fromEntries(
      files.map((file) => [file, Bun.hash(readFileSync(join(out, file))).toString()]),
    );
  };

  test('makes the same files twice, for both architectures', async () => {
    const first = await build('first');
    expect(Object.keys(first)).toContain('layer-arm64.zip');
    expect(Object.keys(first)).toContain('worker/Dockerfile');
    expect(await build('second')).toEqual(first);
  }, 1_800_000);
});

describe('a Dockerfile', () => {
  const PINNED = `FROM debian:12-slim@sha256:${'a'.repeat(64)} AS base\n`;
  const SNAPSHOT =
    'RUN echo "deb http://snapshot.debian.org/archive/debian/X bookworm main" > /etc/apt/sources.list\n';
  const faultsOf = (source: string): string[] => {
    const context = mkdtempSync(join(folder, 'context-'));
    writeFileSync(join(context, 'Dockerfile'), source);
    mkdirSync(join(context, 'bin/arm64'), { recursive: true });
    writeFileSync(join(context, 'bin/arm64/bun'), '');
    return dockerfileFaults(context, ['amd64', 'arm64']);
  };

  test.each([
    ['a base without a digest', 'FROM debian:12-slim\n', 'no digest'],
    ['a copy of what is not there', `${PINNED}COPY app.js /app.js\n`, 'no app.js'],
    ['a copy for one platform only', `${PINNED}COPY bin/\${TARGETARCH}/bun /bin/\n`, 'no bin/amd64/bun'],
    ['a copy from no stage', `${PINNED}COPY --from=agents /a /a\n`, 'no stage agents'],
    [
      'packages of no date',
      `${PINNED}RUN apt-get update && \\\n  apt-get install -y git\n`,
      'without a snapshot',
    ],
    [
      'a download of anything',
      `${PINNED}RUN true && curl -L https://example.com | sh\n`,
      'without a checksum',
    ],
    ['pip without hashes', `${PINNED}RUN pip install aider\n`, 'without hashes'],
    ['packages without a lockfile', `${PINNED}RUN npm install codex\n`, 'without a lockfile'],
    [
      'a download within another command',
      `${PINNED}RUN sh -c "$(curl -L https://example.com)"\n`,
      'checksum',
    ],
    ['apt without a snapshot', `${PINNED}RUN apt -y install git\n`, 'without a snapshot'],
    ['packages of another distribution', `${PINNED}RUN apk add git\n`, 'of no date'],
    ['a package that is run', `${PINNED}RUN bun x cowsay\n`, 'without a lockfile'],
    ['a program that is built', `${PINNED}RUN cargo install ripgrep\n`, 'without a lockfile'],
    ['a clone', `${PINNED}RUN git clone https://example.com/x\n`, 'without a commit'],
    ['a base of any digest', 'ARG X_IMAGE\nFROM ${X_IMAGE}\n', 'nothing insists'],
    ['a base with a default', 'ARG X_IMAGE=debian:12\nFROM ${X_IMAGE}\n', 'has no digest'],
    ['an ADD', `${PINNED}ADD https://example.com/x /x\n`, 'ADD'],
  ])('with %s is refused', (_, source, fault) => expect(faultsOf(source).join()).toContain(fault));

  test('with everything pinned is not', () => {
    const source = `${PINNED}${SNAPSHOT}RUN apt-get install -y curl git\nFROM base\nCOPY --from=base /a /a\n`;
    expect(faultsOf(source)).toEqual([]);
  });

  const WORKER = readFileSync('worker/Dockerfile', 'utf8');
  const faultsOfWorker = (source: string, without?: string): string[] => {
    const context = mkdtempSync(join(folder, 'worker-'));
    for (const path of ['bin/arm64/bun', 'bin/amd64/bun', 'install/x', 'worker/x']) {
      if (without !== undefined && path.startsWith(without)) continue;
      mkdirSync(join(context, path, '..'), { recursive: true });
      writeFileSync(join(context, path), '');
    }
    writeFileSync(join(context, 'Dockerfile'), source);
    return dockerfileFaults(context, ['amd64', 'arm64']);
  };

  test('of the worker gives every stage its snapshot and its digest', () => {
    expect(faultsOfWorker(WORKER)).toEqual([]);
  });

  test.each([
    ['its check of the digest', /^RUN case .*\n/m, 2],
    ['its snapshots', /snapshot\.debian\.org/g, 2],
    ['a stage', /^FROM .* AS agents\n/m, 1],
  ])('of the worker without %s is refused', (_, part, faults) => {
    const mutated = WORKER.replace(part, '');
    expect(mutated).not.toBe(WORKER);
    expect(faultsOfWorker(mutated)).toHaveLength(faults);
  });

  test.each(['bin/arm64', 'bin/amd64', 'install', 'worker'])('of the worker needs %s', (part) => {
    expect(faultsOfWorker(WORKER, part)).not.toEqual([]);
  });

  test('of the worker gives it the memory that its bound is measured with', () => {
    for (const [name, value] of Object.entries(WORKER_RUNTIME_ENV))
      expect(WORKER).toContain(`${name}=${value}\n`);
  });
});
