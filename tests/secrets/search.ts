import { readdirSync, readFileSync } from 'node:fs';

/** Where planted secrets were found, and what was looked through. */

export type Planted = Readonly<Record<string, string>>;

export type Place = { readonly where: string; readonly text: string };

/** The names of the secrets that a text holds: plain, percent-encoded, in hex, or within base64. */
export function secretsIn(text: string, planted: Planted): string[] {
  const seen = `${text}\n${decodedBase64(text)}`;
  return Object.entries(planted)
    .filter(([, secret]) => formsOf(secret).some((form) => seen.includes(form)))
    .map(([name]) => name);
}

const formsOf = (secret: string): string[] => [
  secret,
  encodeURIComponent(secret),
  Buffer.from(secret).toString('hex'),
];

/** Everything in a text that may be base64, decoded: events carry output so. */
const decodedBase64 = (text: string): string =>
  [...text.matchAll(/[A-Za-z0-9+/_-]{16,}={0,2}/g)]
    .map(([token]) => Buffer.from(token, 'base64').toString('latin1'))
    .join('\n');

/** Each place with a secret in it, as `where: secret`. */
export const findings = (places: readonly Place[], planted: Planted): string[] => [
  ...new Set(
    places.flatMap(({ where, text }) => secretsIn(text, planted).map((name) => `${where}: ${name}`)),
  ),
];

export type ProcessSight = {
  readonly pid: number;
  readonly commandLine: string;
  readonly environment: string;
};

/** Every process of this machine as anybody with enough rights sees it. One that ends meanwhile is left out. */
export function processes(): ProcessSight[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const commandLine = procFile(name, 'cmdline');
      const environment = procFile(name, 'environ');
      if (commandLine === undefined) return [];
      return [{ pid: Number(name), commandLine, environment: environment ?? '' }];
    });
}

function procFile(pid: string, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', '\n');
  } catch {
    // The process has ended, or is not ours to look into.
    return undefined;
  }
}
