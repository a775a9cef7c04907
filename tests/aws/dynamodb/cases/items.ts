import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  TransactGetItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import { key, N, S, type Case } from '../case.ts';

const BIG = 'x'.repeat(409_600 - 'pk'.length - 'p'.length - 'sk'.length - 'a'.length - 'v'.length);

export const ITEM_CASES: readonly Case[] = [
  {
    name: 'an item of every type comes back as it was put, numbers normalised',
    async run({ put, get }) {
      const item = {
        ...key('p'),
        text: S(''),
        number: N('-0012.50'),
        huge: N('1E+20'),
        bytes: { B: new Uint8Array([0, 255, 7]) },
        yes: { BOOL: true },
        nothing: { NULL: true },
        texts: { SS: ['a', 'b'] },
        numbers: { NS: ['1', '2.5'] },
        list: { L: [S('x'), { M: { deep: N(1) } }] },
        constructor: S('a name that Object has'),
      };
      await put(item);
      expect(await get('p', 'a')).toEqual({ ...item, number: N('-12.5'), huge: N('100000000000000000000') });
    },
  },
  {
    name: 'an absent item is no Item',
    async run({ get }) {
      expect(await get('nobody', 'a')).toBeUndefined();
    },
  },
  {
    name: 'an unknown table is a ResourceNotFoundException',
    async run({ client, fails }) {
      const send = client.send(new GetItemCommand({ TableName: 'no-such-table', Key: key('p') }));
      await fails(send, 'ResourceNotFoundException', 'Requested resource not found');
    },
  },
  {
    name: 'a key must have exactly the key attributes, in their types',
    async run({ client, table, fails }) {
      const message = 'The provided key element does not match the schema';
      for (const Key of [{ pk: S('p') }, { ...key('p'), more: S('x') }, { pk: N(1), sk: S('a') }]) {
        await fails(
          client.send(new GetItemCommand({ TableName: table, Key })),
          'ValidationException',
          message,
        );
      }
    },
  },
  {
    name: 'an item must have its key, in its types, and not empty',
    async run({ client, table, fails }) {
      const put = (Item: Record<string, ReturnType<typeof S>>) =>
        client.send(new PutItemCommand({ TableName: table, Item }));
      await fails(
        put({ pk: S('p') }),
        'ValidationException',
        'One or more parameter values were invalid: Missing the key sk in the item',
      );
      await fails(
        put({ pk: N(1), sk: S('a') }),
        'ValidationException',
        'One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N',
      );
      await fails(
        put({ pk: S(''), sk: S('a') }),
        'ValidationException',
        'One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: pk',
      );
      await fails(
        put({ ...key('p'), g: N(1) }),
        'ValidationException',
        'One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: by-group',
      );
      await fails(put({ ...key('p'), flag: S('') }), 'ValidationException');
    },
  },
  {
    name: 'key sizes are limited to 2048 and 1024 bytes',
    async run({ client, table, put, fails }) {
      await put({ pk: S('h'.repeat(2048)), sk: S('r'.repeat(1024)) });
      for (const Item of [
        { pk: S('h'.repeat(2049)), sk: S('a') },
        { pk: S('h'), sk: S('r'.repeat(1025)) },
      ]) {
        await fails(client.send(new PutItemCommand({ TableName: table, Item })), 'ValidationException');
      }
    },
  },
  {
    name: 'an item has at most 400 KB, names included',
    async run({ client, table, put, fails }) {
      await put({ ...key('p'), v: S(BIG) });
      const Item = { ...key('p'), v: S(`${BIG}x`) };
      await fails(
        client.send(new PutItemCommand({ TableName: table, Item })),
        'ValidationException',
        'Item size has exceeded the maximum allowed size',
      );
    },
  },
  {
    name: 'numbers have 38 digits and a range',
    async run({ client, table, put, get, fails }) {
      const limits = {
        ...key('p'),
        most: N('9.9999999999999999999999999999999999999E+125'),
        least: N('1E-130'),
      };
      await put(limits);
      expect((await get('p', 'a'))?.['most']).toEqual(N(`${'9'.repeat(38)}${'0'.repeat(88)}`));
      for (const bad of ['1'.repeat(39), '1E126', '1E-131', 'abc', '', '1.2.3', '0x1']) {
        const Item = { ...key('p'), v: N(bad) };
        await fails(client.send(new PutItemCommand({ TableName: table, Item })), 'ValidationException');
      }
    },
  },
  {
    name: 'sets are not empty and hold each element once',
    async run({ client, table, fails }) {
      for (const v of [{ SS: [] }, { NS: [] }, { SS: ['a', 'a'] }]) {
        const Item = { ...key('p'), v };
        await fails(client.send(new PutItemCommand({ TableName: table, Item })), 'ValidationException');
      }
    },
  },
  {
    name: 'a put and a delete answer the old item when asked',
    async run({ client, table, put }) {
      const item = { ...key('p'), v: N(1) };
      await put(item);
      const replaced = await client.send(
        new PutItemCommand({ TableName: table, Item: { ...key('p'), v: N(2) }, ReturnValues: 'ALL_OLD' }),
      );
      expect(replaced.Attributes).toEqual(item);
      const remove = new DeleteItemCommand({ TableName: table, Key: key('p'), ReturnValues: 'ALL_OLD' });
      expect((await client.send(remove)).Attributes).toEqual({ ...key('p'), v: N(2) });
      expect((await client.send(remove)).Attributes).toBeUndefined();
    },
  },
  {
    name: 'a projection keeps the named paths, nested as in the item',
    async run({ client, table, put }) {
      await put({ ...key('p'), m: { M: { x: N(1), y: N(2) } }, l: { L: [S('a'), S('b'), S('c')] } });
      const answer = await client.send(
        new GetItemCommand({
          TableName: table,
          Key: key('p'),
          ProjectionExpression: '#m.x, l[2], l[0], absent_',
          ExpressionAttributeNames: { '#m': 'm' },
        }),
      );
      expect(answer.Item).toEqual({ m: { M: { x: N(1) } }, l: { L: [S('a'), S('c')] } });
    },
  },
  {
    name: 'a transaction of gets projects as a get does',
    unlike: 'transact-get-projection',
    async run({ client, table, put }) {
      await put({ ...key('p'), v: N(1) });
      const Get = { TableName: table, Key: key('p'), ProjectionExpression: 'v' };
      const answer = await client.send(
        new TransactGetItemsCommand({ TransactItems: [{ Get }, { Get: { ...Get, Key: key('q') } }] }),
      );
      expect(answer.Responses).toEqual([{ Item: { v: N(1) } }, {}]);
    },
  },
  {
    name: 'batches write, delete and read several items',
    async run({ client, table, put, get }) {
      await put(key('p', 'old'));
      const requests = [
        { PutRequest: { Item: { ...key('p', 'new'), v: N(1) } } },
        { DeleteRequest: { Key: key('p', 'old') } },
      ];
      const written = await client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } }));
      expect(written.UnprocessedItems).toEqual({});
      expect(await get('p', 'old')).toBeUndefined();
      const read = await client.send(
        new BatchGetItemCommand({ RequestItems: { [table]: { Keys: [key('p', 'new'), key('p', 'old')] } } }),
      );
      expect(read.Responses).toEqual({ [table]: [{ ...key('p', 'new'), v: N(1) }] });
      expect(read.UnprocessedKeys).toEqual({});
    },
  },
  {
    name: 'batches hold at most 25 writes or 100 keys, each item once',
    async run({ client, table, fails }) {
      const many = (count: number) => Array.from({ length: count }, (_, i) => key('p', `s${i}`));
      const puts = (keys: ReturnType<typeof many>) => keys.map((Item) => ({ PutRequest: { Item } }));
      for (const requests of [puts(many(26)), puts([key('p'), key('p')])]) {
        await fails(
          client.send(new BatchWriteItemCommand({ RequestItems: { [table]: requests } })),
          'ValidationException',
        );
      }
      for (const Keys of [many(101), [key('p'), key('p')]]) {
        await fails(
          client.send(new BatchGetItemCommand({ RequestItems: { [table]: { Keys } } })),
          'ValidationException',
        );
      }
    },
  },
  {
    name: 'unknown and legacy parameters are refused by name',
    unlike: 'extra-parameters',
    async run({ client, table, fails }) {
      const command = new GetItemCommand({ TableName: table, Key: key('p'), AttributesToGet: ['v'] });
      await fails(
        client.send(command),
        'ValidationException',
        'Unsupported parameter in GetItem: AttributesToGet',
      );
    },
  },
];
