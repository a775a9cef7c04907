import { readFileSync } from 'node:fs';
import { type } from 'arktype';

/** What a peer's process is told, as JSON in one variable. */
export const PeerSettings = type({
  /** Of Redis a port, of PostgreSQL the folder of its socket. */
  'port?': 'number',
  'socketFolder?': 'string',
  pepper: 'string',
  /** A file with the API keys to know. */
  keysFile: 'string',
  agent: 'string[]',
  concurrency: 'number',
});
export type PeerSettings = typeof PeerSettings.infer;

const PeerKeys = type({ hash: 'string', tenant_id: 'string' }).array();

export const PEER_SETTINGS_VARIABLE = 'OUTPOST_BENCH_PEER';

export const readSettings = (): PeerSettings =>
  PeerSettings.assert(JSON.parse(process.env[PEER_SETTINGS_VARIABLE] ?? '{}'));

export const readKeys = ({ keysFile }: PeerSettings): typeof PeerKeys.infer =>
  PeerKeys.assert(JSON.parse(readFileSync(keysFile, 'utf8')));
