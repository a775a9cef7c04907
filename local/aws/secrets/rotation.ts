import type { Now } from '../service.ts';
import { invalidRequest } from './errors.ts';
import type { RotateInput } from './inputs.ts';
import type { Secret, SecretStore } from './store.ts';
import { CURRENT, PENDING, type Versions } from './versions.ts';

export type Rotations = {
  /**
   * Stores the rotation's configuration and starts a rotation unless told to wait for its date. Answers the
   * id of the pending version. Throws InvalidRequestException where no function could run, and where an
   * earlier rotation is unfinished (which is then tried again).
   */
  rotate(secret: Secret, input: RotateInput): string | undefined;
  stop(): void;
};

type Parts = {
  readonly store: SecretStore;
  readonly versions: Versions;
  readonly now: Now;
  /** Base URL under which the functions answer, by name. */
  readonly functionsUrl: string | undefined;
};

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'] as const;
const DAY_MS = 86_400_000;
const TICK_MS = 1000;
/** How long a rotation by date that failed waits before it is tried again. */
const RETRY_MS = 3_600_000;

/** Runs rotations in the background: those asked for, and those whose date has come. */
export function createRotations({ store, versions, now, functionsUrl }: Parts): Rotations {
  const running = new Set<number>();
  const retryAt = new Map<number, number>();
  const stopping = new AbortController();

  const start = (secret: Secret, token: string, functionArn: string): void => {
    if (running.has(secret.id) || functionsUrl === undefined) return;
    running.add(secret.id);
    retryAt.set(secret.id, now() + RETRY_MS);
    const url = `${functionsUrl.replace(/\/$/, '')}/${functionName(functionArn)}`;
    runSteps(url, secret.arn, token, stopping.signal)
      .then(() => {
        const { rotation_days: days } = store.any(secret.arn);
        store.change(secret.id, {
          rotated_at: now(),
          ...(days === null ? {} : { rotate_at: now() + days * DAY_MS }),
        });
        retryAt.delete(secret.id);
      })
      .catch((cause: unknown) => {
        if (stopping.signal.aborted) return;
        console.error(`local AWS: rotation of ${secret.name} stopped: ${messageOf(cause)}`);
      })
      .finally(() => running.delete(secret.id));
  };

  /** The version that a rotation fills: that of an unfinished one, or a new placeholder. */
  const pendingVersion = (secret: Secret, token: string): { id: string; unfinished: boolean } => {
    const pending = versions.byStage(secret.id, PENDING);
    if (pending !== undefined && !pending.stages.includes(CURRENT) && pending.versionId !== token) {
      return { id: pending.versionId, unfinished: true };
    }
    if (pending?.versionId !== token) versions.reserve(secret.id, token);
    return { id: token, unfinished: false };
  };

  const startDue = (): void => {
    for (const secret of store.dueForRotation()) {
      if (running.has(secret.id) || (retryAt.get(secret.id) ?? 0) > now()) continue;
      if (secret.rotation_function === null) continue;
      start(secret, pendingVersion(secret, crypto.randomUUID()).id, secret.rotation_function);
    }
  };
  const timer = functionsUrl === undefined ? undefined : setInterval(startDue, TICK_MS);

  return {
    rotate(secret, input) {
      const functionArn = input.RotationLambdaARN ?? secret.rotation_function;
      if (functionArn === null)
        throw invalidRequest('No Lambda rotation function ARN is associated with this secret.');
      if (functionsUrl === undefined) {
        throw invalidRequest(
          'Local AWS runs no Lambda. Set OUTPOST_LOCAL_FUNCTIONS_URL to where the rotation functions answer.',
        );
      }
      const days = input.RotationRules?.AutomaticallyAfterDays ?? secret.rotation_days;
      store.change(secret.id, {
        rotation_enabled: 1,
        rotation_function: functionArn,
        rotation_days: days,
        rotate_at: days === null ? null : now() + days * DAY_MS,
      });
      if (input.RotateImmediately === false) return undefined;
      const { id, unfinished } = pendingVersion(secret, input.ClientRequestToken ?? crypto.randomUUID());
      start(secret, id, functionArn);
      if (unfinished) {
        throw invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.");
      }
      return id;
    },
    stop() {
      clearInterval(timer);
      stopping.abort();
    },
  };
}

/** Calls the four steps one after the other, each with Lambda's event. Throws at the first that fails. */
async function runSteps(url: string, arn: string, token: string, signal: AbortSignal): Promise<void> {
  for (const step of STEPS) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ Step: step, SecretId: arn, ClientRequestToken: token }),
      signal,
    });
    // The body may repeat the secret: only the status is told.
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`${step} answered ${response.status}`);
  }
}

function functionName(arn: string): string {
  return arn.split(':')[6] ?? arn;
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
