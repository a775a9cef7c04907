/**
 * Named places where a test may make this process crash, fail or wait. Inert in production: nothing is
 * armed unless an entry was started with OUTPOST_FAILPOINTS outside of prod.
 */
export const FAILPOINTS = [
  'api.after_commit_before_send',
  'api.after_send',
  'api.after_tenant_mark',
  'api.after_tenant_job',
  'api.after_tenant_secret',
  'worker.after_receive',
  'worker.after_claim',
  'worker.after_seal',
  'worker.before_launch',
  'worker.after_launch',
  'worker.after_exit',
  'worker.after_output',
  'worker.after_end',
  'worker.after_hand_back',
  'sweeper.after_send',
] as const;

export type FailpointName = (typeof FAILPOINTS)[number];
export type FailpointAction = () => void | Promise<void>;

const armed = new Map<FailpointName, FailpointAction>();

/** Arms failpoints for this process. Called by an entry's test build and by tests alone. */
export function armFailpoints(actions: ReadonlyMap<FailpointName, FailpointAction>): void {
  armed.clear();
  for (const [name, action] of actions) armed.set(name, action);
}

/** A place to fail. Does nothing unless a test armed it. */
export async function failpoint(name: FailpointName): Promise<void> {
  await armed.get(name)?.();
}
