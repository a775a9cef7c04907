/** Backends that the contracts run on. Local AWS is the subject; moto is the referee. */
export type BackendName = 'local' | 'moto';

/** A check that a backend is known to fail. One that passes after all makes its test fail. */
export type KnownDifference = {
  readonly backend: BackendName;
  readonly suite: 'sqs' | 'secrets';
  readonly check: string;
  readonly why: string;
};

/** Reviewed by hand against the AWS documentation: in each case it is the backend that departs from it. */
export const KNOWN_DIFFERENCES: readonly KnownDifference[] = [
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'one entry of a batch fails alone',
    why: 'moto takes any characters in a body',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'an empty body is refused',
    why: 'moto takes an empty body',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'a control character in the body is InvalidMessageContents',
    why: 'moto takes any characters in a body',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'queues are listed by prefix, page by page',
    why: 'moto ignores MaxResults',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'a deduplication id is refused on a standard queue',
    why: 'moto ignores FIFO parameters on a standard queue',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'attributes are set, and a value out of range is InvalidAttributeValue',
    why: 'moto sets any visibility timeout',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'a redrive policy to a queue that is not there is refused',
    why: 'moto answers QueueDoesNotExist; AWS speaks of the parameter',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'the visibility of a message not in flight cannot change',
    why: 'moto lets a message that was given back be hidden again',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'a move task needs a dead-letter queue as its source',
    why: 'moto does not implement StartMessageMoveTask',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'a move task brings dead letters back to where they came from',
    why: 'moto does not implement StartMessageMoveTask',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'the visibility of a deleted message cannot change',
    why: 'moto answers ReceiptHandleIsInvalid for a handle that was once valid',
  },
  {
    backend: 'moto',
    suite: 'sqs',
    check: 'the handle of an earlier receive does not delete',
    why: 'moto deletes by any handle the message ever had',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'a value beyond 64 KiB is refused',
    why: 'moto has no limit',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'AWSCURRENT cannot be removed',
    why: 'moto removes it',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'the name of a secret that waits for deletion is taken',
    why: 'moto answers ResourceExistsException',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'a deleted secret waits out its recovery window, unreadable',
    why: 'moto takes a new value for it',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'the versions are listed, those without a label only on request',
    why: 'moto lists them always',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'a new value becomes current and the old one previous',
    why: 'moto describes versions without a label too',
  },
  {
    backend: 'moto',
    suite: 'secrets',
    check: 'a pending value leaves the current one alone, and is promoted by its label',
    why: 'moto goes on answering the old value after AWSCURRENT moved',
  },
];
