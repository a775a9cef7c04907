import type { Database } from 'bun:sqlite';
import { AwsError } from '../errors.ts';
import type { Now } from '../service.ts';
import { queueArn, queueNameOfArn, type Queues } from './queues.ts';
import type { Waiters } from './waiters.ts';

export type MoveTasks = {
  start(source: string, destination: string | undefined, rate: number | undefined): { TaskHandle: string };
  list(source: string, max: number): { Results: object[] };
  cancel(handle: string): { ApproximateNumberOfMessagesMoved: number };
  stop(): void;
};

type Row = {
  handle: string;
  source: string;
  destination: string | null;
  status: string;
  rate: number | null;
  moved: number;
  to_move: number;
  started_at: number;
  failure: string | null;
};
type Candidate = { seq: number; dead_letter_source: string | null };

const TICK_MS = 1000;
/** Messages a second without MaxNumberOfMessagesPerSecond; AWS then chooses by itself, at most 500. */
const DEFAULT_RATE = 500;

/**
 * Moves the messages of a dead-letter queue back, some each second, in the background; a task survives a
 * restart. A moved message is a new one: new id, new sent time, no receives.
 * Source: SQS guide, "Dead-letter queue redrive".
 */
export function createMoveTasks(database: Database, now: Now, queues: Queues, waiters: Waiters): MoveTasks {
  const insert = database.query<void, [string, string, string | null, number | null, number, number]>(
    `INSERT INTO sqs_move_tasks (handle, source, destination, status, rate, to_move, started_at)
     VALUES (?, ?, ?, 'RUNNING', ?, ?, ?)`,
  );
  const running = database.query<Row, []>("SELECT * FROM sqs_move_tasks WHERE status = 'RUNNING'");
  const bySource = database.query<Row, [string, number]>(
    'SELECT * FROM sqs_move_tasks WHERE source = ? ORDER BY started_at DESC, rowid DESC LIMIT ?',
  );
  const find = database.query<Row, [string]>('SELECT * FROM sqs_move_tasks WHERE handle = ?');
  const setStatus = database.query<void, [string, string | null, string]>(
    'UPDATE sqs_move_tasks SET status = ?, failure = ? WHERE handle = ?',
  );
  const addMoved = database.query<void, [number, string]>(
    'UPDATE sqs_move_tasks SET moved = moved + ? WHERE handle = ?',
  );
  // Only what was there when the task began: otherwise a poison message would circle for ever.
  const candidates = database.query<Candidate, [string, number, number, number]>(
    `SELECT seq, dead_letter_source FROM sqs_messages
     WHERE queue = ? AND visible_at <= ? AND visible_at <= ? ORDER BY seq LIMIT ?`,
  );
  const countVisible = database.query<{ messages: number }, [string, number]>(
    'SELECT count(*) AS messages FROM sqs_messages WHERE queue = ? AND visible_at <= ?',
  );
  const move = database.query<void, [string, string, number, number, number]>(
    `UPDATE sqs_messages SET queue = ?, message_id = ?, sent_at = ?, visible_at = ?, receive_count = 0,
     first_received_at = NULL, received_at = NULL, receipt = NULL, dead_letter_source = NULL WHERE seq = ?`,
  );

  const moveSome = database.transaction((task: Row): ReadonlySet<string> => {
    const time = now();
    const woken = new Set<string>();
    const batch = candidates.all(task.source, time, task.started_at, task.rate ?? DEFAULT_RATE);
    for (const { seq, dead_letter_source: origin } of batch) {
      const target = task.destination ?? (origin === null ? undefined : queueNameOfArn(origin));
      if (target === undefined || queues.lookup(target) === undefined) {
        setStatus.run('FAILED', 'AWS.SimpleQueueService.NonExistentQueue', task.handle);
        return woken;
      }
      move.run(target, crypto.randomUUID(), time, time, seq);
      woken.add(target);
    }
    if (batch.length === 0) setStatus.run('COMPLETED', null, task.handle);
    else addMoved.run(batch.length, task.handle);
    return woken;
  });
  const tick = (): void => {
    for (const task of running.all()) {
      for (const queue of moveSome(task)) waiters.wake(queue);
    }
  };
  const timer = setInterval(tick, TICK_MS);

  return {
    start(source, destination, rate) {
      const name = queues.get(queueNameOfArn(source)).name;
      if (queues.deadLetterSources(name).length === 0) {
        throw new AwsError(
          'InvalidParameterValue',
          'Source queue must be configured as a Dead Letter Queue.',
        );
      }
      if (running.all().some((task) => task.source === name)) {
        throw new AwsError('UnsupportedOperation', 'There is already a task running. Only one is allowed.');
      }
      const target = destination === undefined ? null : queues.get(queueNameOfArn(destination)).name;
      const handle = Buffer.from(JSON.stringify({ taskId: crypto.randomUUID(), sourceArn: source })).toString(
        'base64',
      );
      const visible = countVisible.get(name, now())?.messages ?? 0;
      insert.run(handle, name, target, rate ?? null, visible, now());
      tick();
      return { TaskHandle: handle };
    },
    list: (source, max) => ({
      Results: bySource.all(queues.get(queueNameOfArn(source)).name, max).map(present),
    }),
    cancel(handle) {
      const task = find.get(handle);
      if (task === null || task.status !== 'RUNNING') {
        throw new AwsError('ResourceNotFoundException', 'The task handle is not of a running task.', 404);
      }
      setStatus.run('CANCELLED', null, handle);
      return { ApproximateNumberOfMessagesMoved: task.moved };
    },
    stop() {
      clearInterval(timer);
    },
  };
}

function present(task: Row): object {
  return {
    // Only a running task has a handle to cancel it by.
    ...(task.status === 'RUNNING' ? { TaskHandle: task.handle } : {}),
    Status: task.status,
    SourceArn: queueArn(task.source),
    ...(task.destination === null ? {} : { DestinationArn: queueArn(task.destination) }),
    ...(task.rate === null ? {} : { MaxNumberOfMessagesPerSecond: task.rate }),
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.to_move,
    ...(task.failure === null ? {} : { FailureReason: task.failure }),
    StartedTimestamp: task.started_at,
  };
}
