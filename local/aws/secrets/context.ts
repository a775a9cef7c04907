import type { Now } from '../service.ts';
import type { Rotations } from './rotation.ts';
import type { SecretStore } from './store.ts';
import type { Versions } from './versions.ts';

/** What every operation works with. */
export type Context = {
  readonly store: SecretStore;
  readonly versions: Versions;
  readonly rotations: Rotations;
  readonly now: Now;
};

/** Secrets Manager's JSON has dates in seconds. */
export const seconds = (milliseconds: number): number => milliseconds / 1000;

/** The member, or none where the value is null. */
export const when = <K extends string, V>(name: K, value: V | null | undefined): Partial<Record<K, V>> => {
  const members: Partial<Record<K, V>> = {};
  if (value !== null && value !== undefined) members[name] = value;
  return members;
};
