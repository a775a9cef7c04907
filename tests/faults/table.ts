/** One way in which something breaks, and what must hold all the same (shared by the tests and the report). */
export type Fault = {
  readonly id: number;
  readonly fault: string;
  /** How the tests bring it about. */
  readonly injected: string;
  /** What a test asserts. */
  readonly invariant: string;
  /** The test files that show it. */
  readonly files: readonly [string, ...string[]];
};

const LOOP = 'tests/worker/loop';

/** The faults that Outpost promises to survive. Every one of them has a test that calls `shown` with its id. */
export const FAULTS: readonly Fault[] = [
  {
    id: 1,
    fault: 'The API crashes between the commit of a job and its message',
    injected: 'failpoint api.after_commit_before_send: SIGKILL to the API',
    invariant: 'the sweeper sends it; the repeated request names the same job; one attempt, one end',
    files: ['tests/faults/api-crash.test.ts'],
  },
  {
    id: 2,
    fault: 'The message is sent and the reply is lost',
    injected: 'local AWS drops the reply of SendMessage; failpoint api.after_send: SIGKILL to the API',
    invariant: 'one claim, one run',
    files: ['tests/faults/api-crash.test.ts'],
  },
  {
    id: 3,
    fault: 'A worker dies in the middle of a job',
    injected: 'SIGKILL to the worker while its agent runs, and at every failpoint of the worker',
    invariant: 'no orphan; the job runs again after the lease and ends once; no gap in its events',
    files: [`${LOOP}/deaths.test.ts`, 'tests/faults/kills.test.ts'],
  },
  {
    id: 4,
    fault: 'One message is delivered fifty times',
    injected: 'the same message sent 51 times to two workers',
    invariant: 'one claim, one run',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 5,
    fault: 'The lease and the visibility run out while the agent runs',
    injected: 'SIGSTOP to the worker; another claim after the lease',
    invariant: 'the old token writes nothing',
    files: [`${LOOP}/stops.test.ts`],
  },
  {
    id: 6,
    fault: 'A worker is stopped beyond its lease, then goes on',
    injected: 'SIGSTOP, another claim, SIGCONT',
    invariant: 'the watchdog has killed the agent; nothing stale is committed; what was sealed stays',
    files: [`${LOOP}/stops.test.ts`],
  },
  {
    id: 7,
    fault: 'DynamoDB throttles',
    injected: 'local AWS throttles 30 % of the calls',
    invariant: 'every job ends, as it should',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 8,
    fault: 'DynamoDB answers 500 after the commit',
    injected: 'local AWS commits and answers 500 to 10 % of the calls',
    invariant: 'nothing happens twice',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 9,
    fault: 'S3 is away while a job writes',
    injected: 'local AWS refuses S3 (5 s; 60 s at full scale)',
    invariant: 'the events have no gap, the output is complete',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 10,
    fault: 'Secrets Manager hangs',
    injected: 'local AWS does not answer',
    invariant: 'the agent never starts without its key; afterwards the job runs',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 11,
    fault: 'A worker’s clock is wrong by ten minutes, either way',
    injected:
      'workers whose Date is shifted by +10 and by -10 minutes; claims of the one against the other twice a second',
    invariant: 'no lease is taken early; a dead worker’s job is still taken after its lease',
    files: ['tests/faults/clock.test.ts'],
  },
  {
    id: 12,
    fault: 'A message is no job',
    injected: 'a message of other text in the queue, received until it moves',
    invariant: 'it ends among the dead letters; the queue moves on',
    files: [`${LOOP}/aws-faults.test.ts`],
  },
  {
    id: 13,
    fault: 'The agent fails',
    injected: 'an agent that exits with 1, with max_attempts 3 and without',
    invariant: 'exactly 3 attempts; exactly 1',
    files: [`${LOOP}/run.test.ts`],
  },
  {
    id: 14,
    fault: 'Dead letters are redriven',
    injected: '`bun run redrive` over the letters of a lost, an ended and an unknown job',
    invariant: 'a new attempt of what is unfinished; what has ended stays as it is',
    files: ['tests/faults/redrive.test.ts'],
  },
  {
    id: 15,
    fault: 'A worker is told to stop while its agent runs',
    injected: 'SIGTERM',
    invariant: 'handed back within 115 s, nothing counted, run by another',
    files: [`${LOOP}/stops.test.ts`],
  },
  {
    id: 16,
    fault: 'A worker is told to stop while it claims',
    injected: 'failpoint worker.after_claim waits; SIGTERM',
    invariant: 'no agent is started; the job is pending again',
    files: [`${LOOP}/stops.test.ts`],
  },
  {
    id: 17,
    fault: 'Spot takes the machine: told to stop, then killed',
    injected: 'SIGTERM while S3 is away, then SIGKILL; failpoint worker.after_hand_back: SIGKILL',
    invariant: 'as fault 3',
    files: ['tests/faults/spot.test.ts'],
  },
  {
    id: 18,
    fault: 'Stripe sends an event ten times',
    injected: 'the same webhook ten times at once, then ten times again',
    invariant: 'one change',
    files: ['tests/billing/webhooks.test.ts'],
  },
  {
    id: 19,
    fault: 'Stripe’s events come out of order',
    injected: 'the webhooks of a subscription that begins and ends, last first',
    invariant: 'the state equals that of the subscription as fetched',
    files: ['tests/billing/webhooks.test.ts'],
  },
  {
    id: 20,
    fault: 'Audit entries cannot be written',
    injected: 'local AWS refuses the audit table and queue; every change and read of a list is tried',
    invariant: 'no change without its entry: it is refused and nothing is changed',
    files: ['tests/audit/reconcile.test.ts'],
  },
  {
    id: 21,
    fault: '200 submissions at once against a quota',
    injected: '200 concurrent POST /jobs',
    invariant: 'exactly as many as the quota allows',
    files: ['tests/billing/quota.test.ts'],
  },
  {
    id: 22,
    fault: 'A key is revoked while it is cached',
    injected: 'a second API revokes a key that the first has cached',
    invariant: 'no job of it starts, no change is made with it',
    files: ['tests/faults/revoked-key.test.ts'],
  },
  {
    id: 23,
    fault: 'A cancellation races a claim',
    injected: 'DELETE over HTTP and two claims at the same moment',
    invariant: 'one end; never acknowledged as cancelled and also started',
    files: ['tests/faults/races.test.ts'],
  },
  {
    id: 24,
    fault: 'An agent fork-bombs and floods',
    injected: 'a real worker runs both at once',
    invariant: 'the lease is kept, no process survives',
    files: ['tests/faults/bomb.test.ts'],
  },
  {
    id: 25,
    fault: 'A flood of high priority',
    injected: 'the high queue is never empty while low jobs wait',
    invariant: 'a low job starts after at most 8 others',
    files: ['tests/faults/starvation.test.ts'],
  },
];
