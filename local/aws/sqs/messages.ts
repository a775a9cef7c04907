import type { Database } from 'bun:sqlite';
import type { DeliveryFault } from '../service.ts';
import { invalidParameter, notInflight } from './errors.ts';
import { queueArn } from './queues.ts';
import { newNonce, readReceipt, writeReceipt } from './receipts.ts';

/** One message to store; times in milliseconds since the epoch. */
export type Outgoing = {
  readonly queue: string;
  readonly messageId: string;
  readonly body: string;
  /** The user's message attributes as JSON. */
  readonly attributes: string;
  readonly groupId: string | null;
  readonly sentAt: number;
  readonly visibleAt: number;
};

export type Received = {
  readonly messageId: string;
  readonly receiptHandle: string;
  readonly body: string;
  readonly attributes: string;
  readonly groupId: string | null;
  readonly sentAt: number;
  readonly receiveCount: number;
  readonly firstReceivedAt: number;
  /** Set in a dead-letter queue. */
  readonly deadLetterSource: string | null;
};

export type Take = {
  readonly queue: string;
  readonly now: number;
  readonly max: number;
  readonly visibilityMs: number;
  readonly retentionMs: number;
  /** A message already received `maxReceiveCount` times goes to `queue` instead. */
  readonly redrive?: { readonly queue: string; readonly maxReceiveCount: number };
  readonly delivery?: DeliveryFault;
};

export type Counts = { readonly visible: number; readonly inFlight: number; readonly delayed: number };

/** How long a message may stay in flight, from its receive. Source: SQS guide, "Visibility timeout". */
const MAX_IN_FLIGHT_MS = 43_200_000;

type Row = {
  seq: number;
  message_id: string;
  body: string;
  attributes: string;
  group_id: string | null;
  sent_at: number;
  visible_at: number;
  receive_count: number;
  first_received_at: number | null;
  received_at: number | null;
  receipt: string | null;
  dead_letter_source: string | null;
};

/**
 * Fair order: a visible message's place is its group's messages in flight plus its place within the group,
 * so that a tenant with a flood waits behind the tenants without one. A message without a group waits for
 * nobody. Source: SQS guide, "Fair queues".
 */
const FAIR = `
WITH in_flight AS MATERIALIZED (
  SELECT group_id, count(*) AS messages FROM sqs_messages
  WHERE queue = $queue AND visible_at > $now AND receipt IS NOT NULL AND group_id IS NOT NULL
  GROUP BY group_id
), visible AS (
  SELECT seq, group_id, row_number() OVER (PARTITION BY group_id ORDER BY seq) AS place
  FROM sqs_messages WHERE queue = $queue AND visible_at <= $now
)
SELECT visible.seq AS seq FROM visible LEFT JOIN in_flight USING (group_id)
ORDER BY iif(group_id IS NULL, 1, place + coalesce(in_flight.messages, 0)), visible.seq
LIMIT $max`;

export type Messages = {
  send(messages: readonly Outgoing[]): void;
  /** Receives; also says where messages were moved on the way. Writes nothing where there is nothing. */
  take(take: Take): { readonly received: readonly Received[]; readonly moved: boolean };
  /** A handle of an earlier receive deletes nothing, and so does one of a message that is gone. */
  delete(queue: string, handle: string): void;
  /** Throws AwsError where the message is gone, is not in flight, or would pass 12 hours. */
  changeVisibility(queue: string, handle: string, seconds: number, now: number): void;
  purge(queue: string): void;
  counts(queue: string, now: number, retentionMs: number): Counts;
  /** When the next invisible message becomes visible. */
  nextVisibleAt(queue: string, now: number): number | undefined;
};

export function createMessages(database: Database): Messages {
  const insert = database.query<void, [string, string, string, string, string | null, number, number]>(
    `INSERT INTO sqs_messages (queue, message_id, body, attributes, group_id, sent_at, visible_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const fair = database.query<{ seq: number }, { queue: string; now: number; max: number }>(FAIR);
  const find = database.query<Row, [string, number]>(
    'SELECT * FROM sqs_messages WHERE queue = ? AND seq = ?',
  );
  const receive = database.query<void, [number, number, number, string, number]>(
    `UPDATE sqs_messages SET visible_at = ?, receive_count = receive_count + 1, received_at = ?,
     first_received_at = coalesce(first_received_at, ?), receipt = ? WHERE seq = ?`,
  );
  const duplicate = database.query<void, [number, number]>(
    `INSERT INTO sqs_messages (queue, message_id, body, attributes, group_id, sent_at, visible_at, receive_count,
       first_received_at, dead_letter_source)
     SELECT queue, message_id, body, attributes, group_id, sent_at, ?, receive_count, first_received_at,
       dead_letter_source FROM sqs_messages WHERE seq = ?`,
  );
  const moveToDeadLetters = database.query<void, [string, string, number, number]>(
    `UPDATE sqs_messages SET queue = ?, dead_letter_source = ?, visible_at = ?, receipt = NULL WHERE seq = ?`,
  );
  const remove = database.query<void, [string, number, string]>(
    'DELETE FROM sqs_messages WHERE queue = ? AND seq = ? AND receipt = ?',
  );
  const hide = database.query<void, [number, number]>('UPDATE sqs_messages SET visible_at = ? WHERE seq = ?');
  const clear = database.query<void, [string]>('DELETE FROM sqs_messages WHERE queue = ?');
  const expire = database.query<void, [string, number]>(
    'DELETE FROM sqs_messages WHERE queue = ? AND sent_at <= ?',
  );
  const count = database.query<Counts, { queue: string; now: number }>(
    `SELECT count(*) FILTER (WHERE visible_at <= $now) AS visible,
       count(*) FILTER (WHERE visible_at > $now AND receipt IS NOT NULL) AS inFlight,
       count(*) FILTER (WHERE visible_at > $now AND receipt IS NULL) AS delayed
     FROM sqs_messages WHERE queue = $queue`,
  );
  const next = database.query<{ at: number | null }, [string, number]>(
    'SELECT min(visible_at) AS at FROM sqs_messages WHERE queue = ? AND visible_at > ?',
  );

  const takeOne = (seq: number, take: Take): Received | undefined => {
    const row = find.get(take.queue, seq);
    if (row === null) return undefined;
    const { redrive, now } = take;
    if (redrive !== undefined && row.receive_count >= redrive.maxReceiveCount) {
      moveToDeadLetters.run(redrive.queue, queueArn(take.queue), now, seq);
      return undefined;
    }
    for (let copy = 1; copy < (take.delivery?.copies ?? 1); copy += 1) duplicate.run(now, seq);
    const nonce = newNonce();
    receive.run(now + take.visibilityMs, now, now, nonce, seq);
    return receivedOf(row, nonce, now);
  };

  const takeSome = (take: Take): ReturnType<Messages['take']> => {
    let moved = false;
    for (;;) {
      const candidates = fair.all({ queue: take.queue, now: take.now, max: take.max });
      const received = candidates.map(({ seq }) => takeOne(seq, take)).filter((one) => one !== undefined);
      moved ||= received.length < candidates.length;
      if (received.length > 0 || candidates.length === 0) return { received, moved };
    }
  };

  return {
    send: database.transaction((messages: readonly Outgoing[]) => {
      for (const { queue, messageId, body, attributes, groupId, sentAt, visibleAt } of messages) {
        insert.run(queue, messageId, body, attributes, groupId, sentAt, visibleAt);
      }
    }),
    take: database.transaction((take: Take) => {
      expire.run(take.queue, take.now - take.retentionMs);
      return takeSome(take);
    }),
    delete(queue, handle) {
      const { seq, nonce } = readReceipt(handle);
      remove.run(queue, seq, nonce);
    },
    changeVisibility(queue, handle, seconds, now) {
      const { seq, nonce } = readReceipt(handle);
      const row = find.get(queue, seq);
      if (row === null || row.receipt !== nonce) {
        const reason = 'Message does not exist or is not available for visibility timeout change.';
        throw invalidParameter('ReceiptHandle', handle, reason);
      }
      if (row.visible_at <= now) throw notInflight();
      if (now + seconds * 1000 > (row.received_at ?? now) + MAX_IN_FLIGHT_MS) {
        const reason = 'Total VisibilityTimeout for the message is beyond the limit [43200 seconds].';
        throw invalidParameter('VisibilityTimeout', seconds, reason);
      }
      hide.run(now + seconds * 1000, seq);
    },
    purge(queue) {
      clear.run(queue);
    },
    counts(queue, now, retentionMs) {
      expire.run(queue, now - retentionMs);
      return count.get({ queue, now }) ?? { visible: 0, inFlight: 0, delayed: 0 };
    },
    nextVisibleAt: (queue, now) => next.get(queue, now)?.at ?? undefined,
  };
}

function receivedOf(row: Row, nonce: string, now: number): Received {
  return {
    messageId: row.message_id,
    receiptHandle: writeReceipt({ seq: row.seq, nonce }),
    body: row.body,
    attributes: row.attributes,
    groupId: row.group_id,
    sentAt: row.sent_at,
    receiveCount: row.receive_count + 1,
    firstReceivedAt: row.first_received_at ?? now,
    deadLetterSource: row.dead_letter_source,
  };
}
