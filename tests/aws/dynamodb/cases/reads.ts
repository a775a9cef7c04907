import {
  BatchGetItemCommand,
  CreateTableCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import { key, N, S, type Case, type CaseContext } from '../case.ts';

/** The sort keys that a query answers, page after page, and how many pages there were. */
async function pagesOf({ client, table }: CaseContext, input: Omit<QueryCommandInput, 'TableName'>) {
  const found: (string | undefined)[] = [];
  let start: QueryCommandInput['ExclusiveStartKey'];
  for (let pages = 1; pages < 50; pages += 1) {
    const answer = await client.send(
      new QueryCommand({ TableName: table, ...input, ...(start && { ExclusiveStartKey: start }) }),
    );
    found.push(...(answer.Items ?? []).map((item) => item['sk']?.S));
    start = answer.LastEvaluatedKey;
    if (start === undefined) return { found, pages };
  }
  throw new Error('the pages do not end');
}

const inPartition = (condition: string, values: Record<string, ReturnType<typeof S>> = {}) => ({
  KeyConditionExpression: `pk = :p${condition}`,
  ExpressionAttributeValues: { ':p': S('p'), ...values },
});

async function fill({ put }: CaseContext): Promise<void> {
  for (const sk of ['a', 'ab', 'b', 'é', 'z']) await put({ ...key('p', sk), v: N(sk.length) });
  await put(key('other', 'a'));
}

export const READ_CASES: readonly Case[] = [
  {
    name: 'a query answers a partition in the order of its sort keys, by their bytes',
    async run(context) {
      await fill(context);
      expect((await pagesOf(context, inPartition(''))).found).toEqual(['a', 'ab', 'b', 'z', 'é']);
      const backwards = await pagesOf(context, { ...inPartition(''), ScanIndexForward: false });
      expect(backwards.found).toEqual(['é', 'z', 'b', 'ab', 'a']);
    },
  },
  {
    name: 'sort keys are selected by every operator',
    async run(context) {
      await fill(context);
      const expected: [string, string[]][] = [
        [' AND sk = :v', ['ab']],
        [' AND sk < :v', ['a']],
        [' AND sk <= :v', ['a', 'ab']],
        [' AND sk > :v', ['b', 'z', 'é']],
        [' AND sk >= :v', ['ab', 'b', 'z', 'é']],
      ];
      for (const [condition, found] of expected) {
        expect((await pagesOf(context, inPartition(condition, { ':v': S('ab') }))).found).toEqual(found);
      }
      const prefix = await pagesOf(context, inPartition(' AND begins_with(sk, :v)', { ':v': S('a') }));
      expect(prefix.found).toEqual(['a', 'ab']);
      const between = inPartition(' AND sk BETWEEN :v AND :w', { ':v': S('ab'), ':w': S('z') });
      expect((await pagesOf(context, between)).found).toEqual(['ab', 'b', 'z']);
    },
  },
  {
    name: 'numeric sort keys are in numeric order',
    async run({ client, table, put }) {
      const numbers = ['-100', '-20', '-19.5', '-0.001', '0', '1E-7', '0.5', '3', '20', '100', '1E+30'];
      for (const [index, n] of numbers.toReversed().entries())
        await put({ ...key('p', `k${index}`), g: S('g'), n: N(n) });
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          IndexName: 'by-group',
          KeyConditionExpression: 'g = :g',
          ExpressionAttributeValues: { ':g': S('g') },
        }),
      );
      expect(answer.Items?.map(({ n }) => Number(n?.N))).toEqual(numbers.map(Number));
    },
  },
  {
    name: 'Limit makes pages, and each starts after the one before, in both directions',
    async run(context) {
      await fill(context);
      for (const ScanIndexForward of [true, false]) {
        const { found, pages } = await pagesOf(context, { ...inPartition(''), Limit: 2, ScanIndexForward });
        expect(found.length).toBe(5);
        expect(new Set(found).size).toBe(5);
        expect(pages).toBe(3);
      }
    },
  },
  {
    name: 'Limit counts items before the filter',
    async run({ client, table, ...context }) {
      await fill({ client, table, ...context });
      const answer = await client.send(
        new QueryCommand({
          TableName: table,
          ...inPartition('', { ':two': N(2) }),
          FilterExpression: 'v = :two',
          Limit: 3,
        }),
      );
      expect(answer.Items?.map((item) => item['sk'])).toEqual([S('ab')]);
      expect([answer.Count, answer.ScannedCount]).toEqual([1, 3]);
      expect(answer.LastEvaluatedKey).toEqual(key('p', 'b'));
    },
  },
  {
    name: 'a page ends at 1 MB',
    async run(context) {
      const v = S('x'.repeat(300_000));
      for (const sk of ['a', 'b', 'c', 'd', 'e']) await context.put({ ...key('p', sk), v });
      const { found, pages } = await pagesOf(context, inPartition(''));
      expect(found).toEqual(['a', 'b', 'c', 'd', 'e']);
      expect(pages).toBe(2);
    },
  },
  {
    name: 'a table with a partition key alone ends its pages',
    unlike: 'endless-pages',
    async run({ client, table }) {
      const name = `${table}-hash`;
      await client.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        }),
      );
      await client.send(new PutItemCommand({ TableName: name, Item: { pk: S('p') } }));
      const first = { TableName: name, ...inPartition(''), Limit: 1 };
      const { LastEvaluatedKey } = await client.send(new QueryCommand(first));
      if (LastEvaluatedKey === undefined) throw new Error('a full page must name where to go on');
      const second = await client.send(new QueryCommand({ ...first, ExclusiveStartKey: LastEvaluatedKey }));
      expect([second.Items, second.LastEvaluatedKey]).toEqual([[], undefined]);
    },
  },
  {
    name: 'an index follows its items: sparse, moved, removed, projected',
    async run({ client, table, put }) {
      const flagged = async () => {
        const answer = await client.send(new ScanCommand({ TableName: table, IndexName: 'sparse' }));
        return (answer.Items ?? []).toSorted((a, b) => (a['sk']?.S ?? '').localeCompare(b['sk']?.S ?? ''));
      };
      await put({ ...key('p', 'a'), flag: S('x'), v: N(1) });
      await put({ ...key('p', 'b'), v: N(1) });
      expect(await flagged()).toEqual([{ ...key('p', 'a'), flag: S('x') }]);
      await put({ ...key('p', 'a'), flag: S('y') });
      await put({ ...key('p', 'b'), flag: S('y') });
      expect(await flagged()).toEqual([
        { ...key('p', 'a'), flag: S('y') },
        { ...key('p', 'b'), flag: S('y') },
      ]);
      await put(key('p', 'a'));
      expect(await flagged()).toEqual([{ ...key('p', 'b'), flag: S('y') }]);
    },
  },
  {
    name: 'pages of an index go on among equal index keys',
    async run(context) {
      for (const sk of ['a', 'b', 'c', 'd', 'e']) await context.put({ ...key('p', sk), g: S('g'), n: N(1) });
      const { found, pages } = await pagesOf(context, {
        IndexName: 'by-group',
        KeyConditionExpression: 'g = :g',
        ExpressionAttributeValues: { ':g': S('g') },
        Limit: 2,
      });
      expect(new Set(found)).toEqual(new Set(['a', 'b', 'c', 'd', 'e']));
      expect(found).toHaveLength(5);
      expect(pages).toBe(3);
    },
  },
  {
    name: 'an index cannot answer what it does not hold',
    unlike: 'index-without-attribute',
    async run({ client, table, fails }) {
      const send = client.send(
        new ScanCommand({ TableName: table, IndexName: 'sparse', ProjectionExpression: 'v' }),
      );
      await fails(
        send,
        'ValidationException',
        'One or more parameter values were invalid: Global secondary index sparse does not project [v]',
      );
    },
  },
  {
    name: 'reads that cannot be are refused',
    async run({ client, table, fails }) {
      const group = { KeyConditionExpression: 'g = :g', ExpressionAttributeValues: { ':g': S('g') } };
      const query = (input: Partial<QueryCommandInput>) =>
        client.send(new QueryCommand({ TableName: table, ...input }));
      await fails(
        query({ ...group, IndexName: 'by-group', ConsistentRead: true }),
        'ValidationException',
        'Consistent reads are not supported on global secondary indexes',
      );
      await fails(
        query({ ...group, IndexName: 'none-such' }),
        'ValidationException',
        'The table does not have the specified index: none-such',
      );
      await fails(query({ ...inPartition(''), Limit: 0 }), 'ValidationException');
      await fails(
        query({ ...inPartition(''), FilterExpression: 'sk = :p' }),
        'ValidationException',
        'Filter Expression can only contain non-primary key attributes: Primary key attribute: sk',
      );
      await fails(query({ ...inPartition(''), ExclusiveStartKey: { pk: S('p') } }), 'ValidationException');
    },
  },
  {
    name: 'a page cannot start in another partition',
    unlike: 'start-outside',
    async run({ client, table, fails }) {
      const input = { TableName: table, ...inPartition(''), ExclusiveStartKey: key('other') };
      await fails(
        client.send(new QueryCommand(input)),
        'ValidationException',
        'The provided starting key is outside query boundaries based on provided conditions',
      );
    },
  },
  {
    name: 'COUNT answers no items',
    async run(context) {
      await fill(context);
      const answer = await context.client.send(
        new QueryCommand({ TableName: context.table, ...inPartition(''), Select: 'COUNT' }),
      );
      expect([answer.Items, answer.Count]).toEqual([undefined, 5]);
    },
  },
  {
    name: 'the segments of a scan divide the table',
    async run(context) {
      await fill(context);
      const segments = await Promise.all(
        [0, 1, 2].map((Segment) =>
          context.client.send(new ScanCommand({ TableName: context.table, Segment, TotalSegments: 3 })),
        ),
      );
      const found = segments
        .flatMap(({ Items }) => Items ?? [])
        .map((item) => `${item['pk']?.S}/${item['sk']?.S}`);
      expect(found.toSorted()).toEqual(['other/a', 'p/a', 'p/ab', 'p/b', 'p/z', 'p/é']);
    },
  },
  {
    name: 'one key written as two numbers is a duplicate in a batch',
    unlike: 'duplicate-numeric-keys',
    async run({ client, table, fails }) {
      const name = `${table}-number`;
      await client.send(
        new CreateTableCommand({
          TableName: name,
          BillingMode: 'PAY_PER_REQUEST',
          AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'N' }],
          KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        }),
      );
      const Keys = [{ pk: N('100') }, { pk: N('1e2') }];
      await fails(
        client.send(new BatchGetItemCommand({ RequestItems: { [name]: { Keys } } })),
        'ValidationException',
      );
    },
  },
];
