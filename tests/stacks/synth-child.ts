import { outpostApp } from '../../stacks/app.ts';
import { settingsOf, type EnvironmentName } from '../../stacks/settings.ts';

/**
 * `bun tests/stacks/synth-child.ts <environment> <settings as JSON> <artifacts> <output>`. A process of its own: Bun
 * remembers that a folder had no packages, so who was there before the install does not find them.
 */
const [environment = '', overrides = '{}', artifacts = '', output = ''] = process.argv.slice(2);
const names: readonly EnvironmentName[] = ['dev', 'staging', 'prod'];
const found = names.find((name) => name === environment);
if (found === undefined) throw new Error(`there is no environment ${environment}`);
outpostApp(settingsOf(found, JSON.parse(overrides)), {
  routes: 'docs/openapi.json',
  artifacts,
  output,
}).synth();
