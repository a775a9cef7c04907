import {
  CreateTableCommand,
  DeleteTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import { key, N, S, tableInput, type Case } from '../case.ts';

export const TABLE_CASES: readonly Case[] = [
  {
    name: 'a table is described as it was created',
    async run({ client, table }) {
      const { Table } = await client.send(new DescribeTableCommand({ TableName: table }));
      expect(Table).toMatchObject({
        TableName: table,
        TableStatus: 'ACTIVE',
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        BillingModeSummary: { BillingMode: 'PAY_PER_REQUEST' },
      });
      expect(
        Table?.GlobalSecondaryIndexes?.map(({ IndexName, IndexStatus }) => [
          IndexName,
          IndexStatus,
        ]).toSorted(),
      ).toEqual([
        ['by-group', 'ACTIVE'],
        ['sparse', 'ACTIVE'],
      ]);
    },
  },
  {
    name: 'tables are listed in pages, and a name is taken once',
    async run({ client, table, fails }) {
      await fails(client.send(new CreateTableCommand(tableInput(table))), 'ResourceInUseException');
      const names: string[] = [];
      let start: string | undefined;
      do {
        const page = await client.send(
          new ListTablesCommand({ Limit: 2, ...(start && { ExclusiveStartTableName: start }) }),
        );
        names.push(...(page.TableNames ?? []));
        start = page.LastEvaluatedTableName;
      } while (start !== undefined);
      expect(names).toContain(table);
      expect(names).toEqual([...new Set(names)]);
    },
  },
  {
    name: 'a deleted table and its items are gone, also after it is created again',
    async run({ client, table, put, get, fails }) {
      await put(key('p'));
      await client.send(new DeleteTableCommand({ TableName: table }));
      await fails(client.send(new DescribeTableCommand({ TableName: table })), 'ResourceNotFoundException');
      await client.send(new CreateTableCommand(tableInput(table)));
      expect(await get('p', 'a')).toBeUndefined();
    },
  },
  {
    name: 'a table under deletion protection stays',
    async run({ client, table, fails }) {
      await client.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: true }));
      await fails(client.send(new DeleteTableCommand({ TableName: table })), 'ValidationException');
      await client.send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }));
      await client.send(new DeleteTableCommand({ TableName: table }));
    },
  },
  {
    name: 'an index made later holds the items there were, and can be deleted',
    async run({ client, table, put, fails }) {
      await put({ ...key('p', 'a'), late: S('x') });
      await put(key('p', 'b'));
      await client.send(
        new UpdateTableCommand({
          TableName: table,
          AttributeDefinitions: [{ AttributeName: 'late', AttributeType: 'S' }],
          GlobalSecondaryIndexUpdates: [
            {
              Create: {
                IndexName: 'by-late',
                KeySchema: [{ AttributeName: 'late', KeyType: 'HASH' }],
                Projection: { ProjectionType: 'ALL' },
              },
            },
          ],
        }),
      );
      const query = new QueryCommand({
        TableName: table,
        IndexName: 'by-late',
        KeyConditionExpression: 'late = :x',
        ExpressionAttributeValues: { ':x': S('x') },
      });
      expect((await client.send(query)).Items).toEqual([{ ...key('p', 'a'), late: S('x') }]);
      await client.send(
        new UpdateTableCommand({
          TableName: table,
          GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'by-late' } }],
        }),
      );
      await fails(client.send(query), 'ValidationException');
    },
  },
  {
    name: 'bad schemas are refused',
    async run({ client, table, fails }) {
      const good = tableInput(`${table}-bad`);
      const bad = [
        { ...good, TableName: 'ab' },
        { ...good, KeySchema: [{ AttributeName: 'undefined', KeyType: 'HASH' as const }] },
        { ...good, GlobalSecondaryIndexes: [] },
        {
          ...good,
          AttributeDefinitions: [
            ...(good.AttributeDefinitions ?? []),
            { AttributeName: 'unused', AttributeType: 'S' as const },
          ],
        },
      ];
      for (const input of bad) await fails(client.send(new CreateTableCommand(input)), 'ValidationException');
    },
  },
  {
    name: 'TTL is switched on and described',
    async run({ client, table }) {
      const describe = new DescribeTimeToLiveCommand({ TableName: table });
      expect((await client.send(describe)).TimeToLiveDescription?.TimeToLiveStatus).toBe('DISABLED');
      await client.send(
        new UpdateTimeToLiveCommand({
          TableName: table,
          TimeToLiveSpecification: { Enabled: true, AttributeName: 'ttl' },
        }),
      );
      expect((await client.send(describe)).TimeToLiveDescription).toEqual({
        TimeToLiveStatus: 'ENABLED',
        AttributeName: 'ttl',
      });
    },
  },
  {
    name: 'point-in-time recovery is remembered',
    unlike: 'no-backups',
    async run({ client, table }) {
      const on = { PointInTimeRecoveryEnabled: true };
      await client.send(
        new UpdateContinuousBackupsCommand({ TableName: table, PointInTimeRecoverySpecification: on }),
      );
      const { ContinuousBackupsDescription } = await client.send(
        new DescribeContinuousBackupsCommand({ TableName: table }),
      );
      expect(ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus).toBe(
        'ENABLED',
      );
    },
  },
  {
    name: 'consumed capacity is counted by size, consistency, indexes and transactions',
    async run({ client, table: TableName, put }) {
      const Item = { ...key('p'), g: S('g'), n: N(1), v: S('x'.repeat(5000)) };
      const ReturnConsumedCapacity = 'INDEXES';
      const written = await client.send(new PutItemCommand({ TableName, Item, ReturnConsumedCapacity }));
      expect(written.ConsumedCapacity).toMatchObject({
        CapacityUnits: 10,
        Table: { CapacityUnits: 5 },
        GlobalSecondaryIndexes: { 'by-group': { CapacityUnits: 5 } },
      });
      await put(key('q'));
      const units = async (pk: string, ConsistentRead: boolean) => {
        const command = new GetItemCommand({
          TableName,
          Key: key(pk),
          ConsistentRead,
          ReturnConsumedCapacity: 'TOTAL',
        });
        return (await client.send(command)).ConsumedCapacity?.CapacityUnits;
      };
      expect([
        await units('p', true),
        await units('p', false),
        await units('q', true),
        await units('nobody', false),
      ]).toEqual([2, 1, 1, 0.5]);
      const { ConsumedCapacity } = await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [{ Put: { TableName, Item: key('r') } }, { Delete: { TableName, Key: key('s') } }],
          ReturnConsumedCapacity: 'TOTAL',
        }),
      );
      expect(ConsumedCapacity?.[0]?.CapacityUnits).toBe(4);
    },
  },
];
