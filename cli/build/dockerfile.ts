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
      // A variable without a value must be given, with a digest: the build's first RUN sees to that.
      if (!stages.has(image) && !/@sha256:|^\$\{\w+_IMAGE\}$/.test(image)) report(`${image} has no digest`);
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

/** Commands that fetch, and what pins what they fetch. */
function runFaults(text: string, pinsApt: boolean): string[] {
  const faults: string[] = [];
  const runs = (command: RegExp): boolean => command.test(text);
  if (runs(/\bapt-get\s+install\b/) && !pinsApt) faults.push('apt-get without a snapshot of the archive');
  if (runs(/(^|&&|[;|(])\s*(curl|wget)\s/) && !runs(/\bsha256sum\s+-c\b/))
    faults.push('a download without a checksum');
  if (runs(/\bpip3?\s+install\b/) && !runs(/--require-hashes/)) faults.push('pip without hashes');
  if (runs(/\b(bun|npm|yarn|pnpm)\s+(install|add|i)\b/) && !runs(/--frozen-lockfile|\bnpm\s+ci\b/)) {
    faults.push('packages without a lockfile');
  }
  if (runs(/\b(npx|bunx)\s/)) faults.push('a package without a lockfile');
  return faults;
}
