import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One instruction, its lines joined. */
type Instruction = { readonly name: string; readonly text: string; readonly line: number };

/**
 * What makes a Dockerfile irreproducible or broken, one line a fault: a COPY of what its context lacks, a base
 * that no digest pins, a RUN that fetches what nothing pins. Variables of COPY take each of the platforms.
 */
export function dockerfileFaults(folder: string, platforms: readonly string[]): string[] {
  const instructions = parse(readFileSync(join(folder, 'Dockerfile'), 'utf8'));
  const stages = new Set<string>();
  const faults: string[] = [];
  let pinsApt = false;
  for (const { name, text, line } of instructions) {
    const report = (fault: string): void => void faults.push(`Dockerfile:${line}: ${fault}`);
    if (name === 'FROM') {
      const [image = '', as, stage] = text.split(/\s+/);
      for (const fault of imageFaults(image, stages, instructions)) report(fault);
      if (as?.toUpperCase() === 'AS' && stage !== undefined) stages.add(stage);
      pinsApt = false;
    }
    if (name === 'ADD') report('ADD fetches or unpacks: use COPY');
    if (name === 'COPY')
      for (const missing of missingSources(folder, text, platforms, stages)) report(missing);
    if (name === 'RUN') {
      pinsApt ||= text.includes('snapshot.debian.org');
      for (const fault of runFaults(text, pinsApt)) report(fault);
    }
  }
  return faults;
}

/** A variable must come with a digest: its default has one, or a RUN of the build insists on it. */
function imageFaults(
  image: string,
  stages: ReadonlySet<string>,
  instructions: readonly Instruction[],
): string[] {
  if (stages.has(image) || image.includes('@sha256:')) return [];
  const [, variable] = /^\$\{(\w+)\}$/.exec(image) ?? [];
  if (variable === undefined) return [`${image} has no digest`];
  const defaults = instructions.filter(
    ({ name, text }) => name === 'ARG' && text.startsWith(`${variable}=`) && !text.includes('@sha256:'),
  );
  if (defaults.length > 0) return [`the default of ${variable} has no digest`];
  const insists = instructions.some(
    ({ name, text }) => name === 'RUN' && text.startsWith(`case "\${${variable}}" in *@sha256:*) ;; *)`),
  );
  return insists ? [] : [`nothing insists that ${variable} has a digest`];
}

function parse(source: string): Instruction[] {
  const instructions: Instruction[] = [];
  let open = '';
  let start = 0;
  for (const [index, raw] of source.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (open === '') start = index + 1;
    open += line.endsWith('\\') ? `${line.slice(0, -1)} ` : line;
    if (line.endsWith('\\')) continue;
    const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(open) ?? [];
    instructions.push({ name: name.toUpperCase(), text, line: start });
    open = '';
  }
  return instructions;
}

function missingSources(
  folder: string,
  text: string,
  platforms: readonly string[],
  stages: ReadonlySet<string>,
): string[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  if (from !== undefined) return stages.has(from) ? [] : [`there is no stage ${from}`];
  const sources = words.filter((word) => !word.startsWith('--')).slice(0, -1);
  return sources
    .flatMap((source) =>
      source.includes('${TARGETARCH}')
        ? platforms.map((platform) => source.replaceAll('${TARGETARCH}', platform))
        : [source],
    )
    .filter((source) => !existsSync(join(folder, source)))
    .map((source) => `the context has no ${source}`);
}

/** Commands that fetch, what pins what they fetch (nothing, where it says none), and the fault without. */
const FETCHES: readonly (readonly [command: RegExp, pin: RegExp | null, fault: string])[] = [
  [/\b(curl|wget)\s/, /\bsha256sum\s+-c\b/, 'a download without a checksum'],
  [/\bpip3?\s+install\b/, /--require-hashes/, 'pip without hashes'],
  [
    /\b(bun|npm|yarn|pnpm)\s+(install|add|i|ci)\b/,
    /--frozen-lockfile|\bnpm\s+ci\b/,
    'packages without a lockfile',
  ],
  [/\b(npx|bunx|uvx|bun\s+x|npm\s+exec|pnpm\s+dlx|pipx|uv\s+tool)\s/, null, 'a package without a lockfile'],
  [/\b(apk\s+add|(dnf|yum|microdnf|zypper)\s+install)\b/, null, 'packages of no date'],
  [/\b(go|gem|cargo|deno)\s+(install|get)\b/, null, 'a program without a lockfile'],
  [/\bgit\s+clone\b/, null, 'a repository without a commit'],
];

/** Names of packages are no commands: `apt-get install curl git` fetches with neither. */
const APT_INSTALL = /\bapt(-get)?\s+(-\S+\s+)*install\b[^&|;]*/g;

function runFaults(text: string, pinsApt: boolean): string[] {
  const rest = text.replaceAll(APT_INSTALL, '');
  return [
    ...(rest !== text && !pinsApt ? ['apt-get without a snapshot of the archive'] : []),
    ...FETCHES.filter(([command, pin]) => command.test(rest) && pin?.test(rest) !== true).map(
      ([, , fault]) => fault,
    ),
  ];
}
