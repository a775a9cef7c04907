/** This job cannot be run as it stands, perhaps through its tenant's doing; other jobs can. */
const OF_THE_JOB = [
  'name_refused',
  'workspace_refused',
  'environment_refused',
  'executable_refused',
] as const;

/** The machine is not fit to run agents, or may not be clean: it must run nothing more. */
const OF_THE_MACHINE = [
  'isolation_unavailable',
  'uid_refused',
  'root_refused',
  'helper_failed',
  'helper_timeout',
  'processes_survived',
  'wipe_incomplete',
  'watchdog_failed',
] as const;

type JobCode = (typeof OF_THE_JOB)[number];

export type LaunchErrorCode = JobCode | (typeof OF_THE_MACHINE)[number];

/**
 * What goes wrong around an agent's process, outside the agent itself. Messages name limits, uids and our own
 * folders; they never carry an environment, a prompt or a file's content.
 */
export class LaunchError extends Error {
  readonly code: LaunchErrorCode;

  constructor(code: LaunchErrorCode, message: string) {
    super(message);
    this.name = 'LaunchError';
    this.code = code;
  }
}

/** Whether it concerns the one job only; any other LaunchError concerns the machine. */
export const concernsJob = (error: unknown): error is LaunchError & { readonly code: JobCode } =>
  error instanceof LaunchError && OF_THE_JOB.some((code) => code === error.code);
