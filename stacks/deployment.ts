import type { Artifacts } from './artifacts.ts';
import type { Names } from './names.ts';
import type { Route } from './routes.ts';
import type { Settings } from './settings.ts';

/** What every stack is made from. */
export type Deployment = {
  readonly settings: Settings;
  readonly names: Names;
  readonly routes: readonly Route[];
  readonly artifacts: Artifacts;
  /** The key that encrypts tables, buckets and file systems: the one ARN that AWS invents and all stacks need. */
  readonly keyArn: string;
};
