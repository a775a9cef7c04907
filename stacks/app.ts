import { App } from 'cdktf';
import { apiStack } from './api.ts';
import { readArtifacts } from './artifacts.ts';
import { dataStack } from './data.ts';
import type { Deployment } from './deployment.ts';
import { namesOf } from './names.ts';
import { observabilityStack } from './observability.ts';
import { queuesStack } from './queues.ts';
import { readRoutes } from './routes.ts';
import type { Settings } from './settings.ts';
import { workerStack } from './worker.ts';

/** Where the stacks read what they are made from. */
export type Sources = {
  /** The OpenAPI document. */
  readonly routes: string;
  /** What `bun run build` wrote. */
  readonly artifacts: string;
  /** Where the synthesized stacks go; CDKTF's own choice when absent. */
  readonly output?: string;
};

/** All stacks of an environment. Throws MissingArtifacts before there is a build. */
export function outpostApp(settings: Settings, sources: Sources): App {
  const app = new App(sources.output === undefined ? {} : { outdir: sources.output });
  const names = namesOf(settings);
  const { stack: data, keyArn } = dataStack(app, settings, names);
  const queues = queuesStack(app, settings, names);
  const deployment: Deployment = {
    settings,
    names,
    keyArn,
    routes: readRoutes(sources.routes),
    artifacts: readArtifacts(sources.artifacts, settings),
  };
  const api = apiStack(app, deployment);
  const worker = workerStack(app, deployment);
  // Names, not references, lead to these, so the order is told.
  for (const stack of [api, worker]) {
    stack.addDependency(data);
    stack.addDependency(queues);
  }
  observabilityStack(app, deployment).addDependency(queues);
  return app;
}
