import {
  TransactGetItemsCommand,
  TransactWriteItemsCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import { key, N, S, type Case, type CaseContext } from '../case.ts';

const transact = ({ client }: CaseContext, TransactItems: TransactWriteItem[], token?: string) =>
  client.send(new TransactWriteItemsCommand({ TransactItems, ...(token && { ClientRequestToken: token }) }));

/** Cancellation reasons as code and, where there is one, item. */
const reasonsOf = (error: Error): unknown =>
  'CancellationReasons' in error && Array.isArray(error.CancellationReasons)
    ? error.CancellationReasons.map(({ Code, Item }: { Code?: string; Item?: unknown }) => [Code, Item])
    : undefined;

export const TRANSACTION_CASES: readonly Case[] = [
  {
    name: 'a transaction puts, updates, deletes and checks together',
    async run(context) {
      const { table: TableName, put, get } = context;
      await put({ ...key('p', 'delete') });
      await put({ ...key('p', 'check'), v: N(1) });
      await transact(context, [
        { Put: { TableName, Item: { ...key('p', 'put'), v: N(1) } } },
        {
          Update: {
            TableName,
            Key: key('p', 'update'),
            UpdateExpression: 'ADD v :one',
            ExpressionAttributeValues: { ':one': N(1) },
          },
        },
        { Delete: { TableName, Key: key('p', 'delete'), ConditionExpression: 'attribute_exists(pk)' } },
        {
          ConditionCheck: {
            TableName,
            Key: key('p', 'check'),
            ConditionExpression: 'v = :one',
            ExpressionAttributeValues: { ':one': N(1) },
          },
        },
      ]);
      expect(await get('p', 'put')).toEqual({ ...key('p', 'put'), v: N(1) });
      expect(await get('p', 'update')).toEqual({ ...key('p', 'update'), v: N(1) });
      expect(await get('p', 'delete')).toBeUndefined();
    },
  },
  {
    name: 'a cancelled transaction changes nothing and gives a reason for each action',
    async run(context) {
      const { table: TableName, put, get, fails } = context;
      const old = { ...key('p', 'old'), v: S('text') };
      await put(old);
      const error = await fails(
        transact(context, [
          { Put: { TableName, Item: key('p', 'new') } },
          {
            Put: {
              TableName,
              Item: key('p', 'old'),
              ConditionExpression: 'attribute_not_exists(pk)',
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            },
          },
          { Delete: { TableName, Key: key('q', 'old'), ConditionExpression: 'attribute_exists(pk)' } },
          { Update: { TableName, Key: key('r', 'x'), UpdateExpression: 'SET a = b' } },
        ]),
        'TransactionCanceledException',
        'Transaction cancelled, please refer cancellation reasons for specific reasons [None, ConditionalCheckFailed, ConditionalCheckFailed, ValidationError]',
      );
      expect(reasonsOf(error)).toEqual([
        ['None', undefined],
        ['ConditionalCheckFailed', old],
        ['ConditionalCheckFailed', undefined],
        ['ValidationError', undefined],
      ]);
      expect(await get('p', 'new')).toBeUndefined();
    },
  },
  {
    name: 'an item appears once in a transaction, and there are at most 100 actions',
    async run(context) {
      const { table: TableName, fails } = context;
      const put = (sk: string) => ({ Put: { TableName, Item: key('p', sk) } });
      await fails(
        transact(context, [put('a'), { Delete: { TableName, Key: key('p', 'a') } }]),
        'ValidationException',
        'Transaction request cannot include multiple operations on one item',
      );
      await fails(
        transact(
          context,
          Array.from({ length: 101 }, (_, i) => put(`s${i}`)),
        ),
        'ValidationException',
      );
      await transact(
        context,
        Array.from({ length: 100 }, (_, i) => put(`s${i}`)),
      );
    },
  },
  {
    name: 'an invalid expression makes the whole request invalid',
    unlike: 'transaction-expression-errors',
    async run(context) {
      const { table: TableName, fails } = context;
      const send = transact(context, [
        { Update: { TableName, Key: key('p'), UpdateExpression: 'SET status = status' } },
      ]);
      await fails(
        send,
        'ValidationException',
        'Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status',
      );
    },
  },
  {
    name: 'a client token makes a transaction happen once; with another request it is refused',
    async run(context) {
      const { table: TableName, get, fails } = context;
      const add = (by: number): TransactWriteItem[] => [
        {
          Update: {
            TableName,
            Key: key('p'),
            UpdateExpression: 'ADD v :by',
            ExpressionAttributeValues: { ':by': N(by) },
          },
        },
      ];
      const token = crypto.randomUUID();
      await transact(context, add(1), token);
      await transact(context, add(1), token);
      expect((await get('p', 'a'))?.['v']).toEqual(N(1));
      await fails(transact(context, add(2), token), 'IdempotentParameterMismatchException');
      await transact(context, add(1), crypto.randomUUID());
      expect((await get('p', 'a'))?.['v']).toEqual(N(2));
    },
  },
  {
    name: 'a cancelled transaction does not use its token up',
    async run(context) {
      const { table: TableName, put, get, fails } = context;
      const token = crypto.randomUUID();
      const items: TransactWriteItem[] = [
        { Put: { TableName, Item: { ...key('p'), v: N(1) }, ConditionExpression: 'attribute_exists(pk)' } },
      ];
      await fails(transact(context, items, token), 'TransactionCanceledException');
      await put(key('p'));
      await transact(context, items, token);
      expect((await get('p', 'a'))?.['v']).toEqual(N(1));
    },
  },
  {
    name: 'an empty key value makes the whole request invalid',
    async run(context) {
      const { table: TableName, fails } = context;
      const empty = {
        Update: {
          TableName,
          Key: key('p'),
          UpdateExpression: 'SET g = :v',
          ExpressionAttributeValues: { ':v': S('') },
        },
      };
      await fails(
        transact(context, [empty]),
        'ValidationException',
        'One or more parameter values are not valid. The update expression attempted to update a secondary index key to a value that is not supported. The AttributeValue for a key attribute cannot contain an empty string value.',
      );
    },
  },
  {
    name: 'a transaction of gets answers in order',
    async run({ client, table: TableName, put }) {
      await put({ ...key('p'), v: N(1) });
      const answer = await client.send(
        new TransactGetItemsCommand({
          TransactItems: [{ Get: { TableName, Key: key('q') } }, { Get: { TableName, Key: key('p') } }],
        }),
      );
      expect(answer.Responses).toEqual([{}, { Item: { ...key('p'), v: N(1) } }]);
    },
  },
];
