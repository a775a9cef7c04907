import {
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
  UpdateItemCommand,
  type AttributeValue,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { expect } from 'bun:test';
import { key, N, S, type Case, type CaseContext, type Item } from '../case.ts';

const ITEM: Item = {
  ...key('p'),
  s: S('hello'),
  n1: N(5),
  items_: { L: [S('a'), N(2)] },
  map_: { M: { nested: { M: { deep: S('x') } } } },
  tags: { SS: ['red', 'blue'] },
  empty: S(''),
  bytes: { B: new Uint8Array([1, 2, 3]) },
};

/** Whether an item meets a condition, by a conditional update that changes nothing. */
async function holds({ client, table }: CaseContext, condition: string, values: Item = {}): Promise<boolean> {
  const used = Object.fromEntries(
    Object.entries(values).filter(([name]) => condition.match(/:\w+/g)?.includes(name)),
  );
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: key('p'),
        ConditionExpression: condition,
        ...(Object.keys(used).length > 0 && { ExpressionAttributeValues: used }),
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'ConditionalCheckFailedException') return false;
    throw error;
  }
}

const VALUES: Item = {
  ':5': N('5.0'),
  ':4': N(4),
  ':6': N(6),
  ':hello': S('hello'),
  ':he': S('he'),
  ':ll': S('ll'),
  ':red': S('red'),
  ':type_s': S('S'),
  ':b12': { B: new Uint8Array([1, 2]) },
  ':set': { SS: ['blue', 'red'] },
  ':a': S('a'),
  ':2': N(2),
};

const TRUE_CONDITIONS = [
  'n1 = :5',
  's <> :he',
  'absent_ <> :5',
  'n1 < :6 AND n1 <= :5',
  'n1 > :4 AND n1 >= :5',
  's > :he',
  'n1 BETWEEN :4 AND :6',
  'n1 IN (:4, :5)',
  'attribute_exists(map_.nested.deep)',
  'attribute_not_exists(map_.absent_)',
  'attribute_type(s, :type_s)',
  'begins_with(s, :he)',
  'begins_with(bytes, :b12)',
  'contains(s, :ll)',
  'contains(tags, :red)',
  'contains(items_, :a)',
  'size(items_) = :2',
  'size(s) = :5',
  'tags = :set',
  'NOT n1 = :4',
  'n1 = :4 OR n1 = :5 AND s = :hello',
  '(n1 = :4 OR n1 = :5) AND s = :hello',
  'items_[0] = :a',
  'Not (n1 = :4)',
];
const FALSE_CONDITIONS = [
  'n1 = :hello',
  'absent_ = :5',
  'absent_ < :5',
  's < :5',
  'NOT attribute_exists(s)',
  'begins_with(n1, :he)',
  'contains(n1, :red)',
  'n1 = :5 AND s = :he',
  'items_[7] = :a',
  'size(n1) = :5',
];

const INVALID_CONDITIONS: readonly [string, string][] = [
  ['', 'Invalid ConditionExpression: The expression can not be empty;'],
  ['s =', 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="'],
  [
    'status = :5',
    'Invalid ConditionExpression: Attribute name is a reserved keyword; reserved keyword: status',
  ],
  [
    '#x = :5',
    'Invalid ConditionExpression: An expression attribute name used in the document path is not defined; attribute name: #x',
  ],
  [
    's = :undefined',
    'Invalid ConditionExpression: An expression attribute value used in expression is not defined; attribute value: :undefined',
  ],
  ['((s = :5))', 'Invalid ConditionExpression: The expression has redundant parentheses;'],
  ['exists(s)', 'Invalid ConditionExpression: Invalid function name; function: exists'],
  [
    'attribute_exists(s, s)',
    'Invalid ConditionExpression: Incorrect number of operands for operator or function; operator or function: attribute_exists, number of operands: 2',
  ],
  [
    'n1 BETWEEN :6 AND :4',
    'Invalid ConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: AttributeValue: {N:6}, upper bound operand: AttributeValue: {N:4}',
  ],
  [
    'begins_with(s, :5)',
    'Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: begins_with, operand type: N',
  ],
];

type Update = Pick<
  UpdateItemCommandInput,
  'UpdateExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues' | 'ReturnValues'
>;

const update = ({ client, table }: CaseContext, input: Update) =>
  client.send(new UpdateItemCommand({ TableName: table, Key: key('p'), ...input }));

export const EXPRESSION_CASES: readonly Case[] = [
  {
    name: 'conditions hold or not, kind by kind',
    async run(context) {
      await context.put(ITEM);
      for (const condition of TRUE_CONDITIONS) {
        expect({ condition, holds: await holds(context, condition, VALUES) }).toEqual({
          condition,
          holds: true,
        });
      }
      for (const condition of FALSE_CONDITIONS) {
        expect({ condition, holds: await holds(context, condition, VALUES) }).toEqual({
          condition,
          holds: false,
        });
      }
    },
  },
  {
    name: 'invalid conditions are refused with the reason',
    async run(context) {
      for (const [condition, message] of INVALID_CONDITIONS) {
        await context.fails(holds(context, condition, VALUES), 'ValidationException', message);
      }
    },
  },
  {
    name: 'a path is not compared with itself',
    unlike: 'same-operands',
    async run(context) {
      await context.fails(
        holds(context, 's = s'),
        'ValidationException',
        'Invalid ConditionExpression: The first operand must be distinct from the remaining operands for this operator or function; operator: =, first operand: [s]',
      );
    },
  },
  {
    name: 'every placeholder must be used',
    async run(context) {
      const extra = {
        ExpressionAttributeNames: { '#s': 's', '#o': 'o' },
        ExpressionAttributeValues: { ':v': N(1) },
      };
      await context.fails(
        update(context, { UpdateExpression: 'SET #s = :v', ...extra }),
        'ValidationException',
        'Value provided in ExpressionAttributeNames unused in expressions: keys: {#o}',
      );
      await context.fails(
        update(context, { UpdateExpression: 'REMOVE s', ExpressionAttributeValues: { ':v': N(1) } }),
        'ValidationException',
        'Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}',
      );
      const send = context.client.send(
        new GetItemCommand({
          TableName: context.table,
          Key: key('p'),
          ExpressionAttributeNames: { '#s': 's' },
        }),
      );
      await context.fails(
        send,
        'ValidationException',
        'ExpressionAttributeNames can only be specified when using expressions',
      );
    },
  },
  {
    name: 'a failed condition answers the item when asked',
    async run({ client, table, put, fails }) {
      await put(ITEM);
      const input = { TableName: table, Item: key('p'), ConditionExpression: 'attribute_not_exists(pk)' };
      const plain = await fails(
        client.send(new PutItemCommand(input)),
        'ConditionalCheckFailedException',
        'The conditional request failed',
      );
      expect('Item' in plain ? plain.Item : undefined).toBeUndefined();
      const asked = await fails(
        client.send(new PutItemCommand({ ...input, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' })),
        'ConditionalCheckFailedException',
      );
      expect(asked).toMatchObject({ Item: { s: S('hello') } });
    },
  },
  {
    name: 'SET calculates from the item as it was',
    async run(context) {
      await context.put({ ...key('p'), a: N('0.1'), l: { L: [S('x')] }, m: { M: {} } });
      const { Attributes } = await update(context, {
        UpdateExpression:
          'SET a = a + :d, b = a, c = if_not_exists(c, :zero) - :d, l = list_append(l, :l), m.k = :d, e = if_not_exists(a, :zero)',
        ExpressionAttributeValues: { ':d': N('0.2'), ':zero': N(0), ':l': { L: [S('y')] } },
        ReturnValues: 'ALL_NEW',
      });
      expect(Attributes).toEqual({
        ...key('p'),
        a: N('0.3'),
        b: N('0.1'),
        c: N('-0.2'),
        l: { L: [S('x'), S('y')] },
        m: { M: { k: N('0.2') } },
        e: N('0.1'),
      });
    },
  },
  {
    name: 'SET past the end of a list appends',
    unlike: 'set-past-the-end',
    async run(context) {
      await context.put({ ...key('p'), l: { L: [S('x')] } });
      const { Attributes } = await update(context, {
        UpdateExpression: 'SET l[9] = :b, l[5] = :a',
        ExpressionAttributeValues: { ':a': S('a'), ':b': S('b') },
        ReturnValues: 'ALL_NEW',
      });
      expect(Attributes?.['l']).toEqual({ L: [S('x'), S('a'), S('b')] });
    },
  },
  {
    name: 'REMOVE takes attributes and list elements by their old positions',
    unlike: 'remove-positions',
    async run(context) {
      await context.put({ ...key('p'), a: N(1), l: { L: [S('0'), S('1'), S('2'), S('3')] } });
      const { Attributes } = await update(context, {
        UpdateExpression: 'REMOVE a, l[0], l[2], gone',
        ReturnValues: 'ALL_NEW',
      });
      expect(Attributes).toEqual({ ...key('p'), l: { L: [S('1'), S('3')] } });
    },
  },
  {
    name: 'REMOVE below an absent parent is invalid',
    unlike: 'remove-below-nothing',
    async run(context) {
      await context.put(key('p'));
      await context.fails(
        update(context, { UpdateExpression: 'REMOVE l[0]' }),
        'ValidationException',
        'The document path provided in the update expression is invalid for update',
      );
    },
  },
  {
    name: 'SET below an attribute that is NULL is invalid',
    unlike: 'set-below-null',
    async run(context) {
      await context.put({ ...key('p'), m: { NULL: true } });
      await context.fails(
        update(context, { UpdateExpression: 'SET m.x = :v', ExpressionAttributeValues: { ':v': N(1) } }),
        'ValidationException',
        'The document path provided in the update expression is invalid for update',
      );
    },
  },
  {
    name: 'ADD and DELETE change numbers and sets',
    async run(context) {
      const steps: [string, AttributeValue, AttributeValue | undefined][] = [
        ['ADD v :v', N(2), N(2)],
        ['ADD v :v', N('-0.5'), N('1.5')],
        ['ADD s :v', { SS: ['a', 'b'] }, { SS: ['a', 'b'] }],
        ['DELETE s :v', { SS: ['a', 'z'] }, { SS: ['b'] }],
        ['DELETE s :v', { SS: ['b'] }, undefined],
      ];
      for (const [UpdateExpression, value, expected] of steps) {
        const { Attributes } = await update(context, {
          UpdateExpression,
          ExpressionAttributeValues: { ':v': value },
          ReturnValues: 'ALL_NEW',
        });
        expect(Attributes?.[UpdateExpression.split(' ')[1] ?? '']).toEqual(expected);
      }
    },
  },
  {
    name: 'invalid updates are refused with the reason',
    async run(context) {
      await context.put({ ...key('p'), t: S('x') });
      const cases: [string, Item, string][] = [
        [
          'SET a = :v, a = :v',
          { ':v': N(1) },
          'Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]',
        ],
        [
          'SET a = :v SET b = :v',
          { ':v': N(1) },
          'Invalid UpdateExpression: The "SET" section can only be used once in an update expression;',
        ],
        [
          'SET sk = :v',
          { ':v': S('b') },
          'One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key',
        ],
        ['SET a = b', {}, 'The provided expression refers to an attribute that does not exist in the item'],
        ['SET a = t + :v', { ':v': N(1) }, 'An operand in the update expression has an incorrect data type'],
        [
          'SET m.x = :v',
          { ':v': N(1) },
          'The document path provided in the update expression is invalid for update',
        ],
        [
          'ADD a :v',
          { ':v': S('x') },
          'Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND',
        ],
        [
          'SET a = :v + :v + :v',
          { ':v': N(1) },
          'Invalid UpdateExpression: Syntax error; token: "+", near: ":v + :v"',
        ],
      ];
      for (const [UpdateExpression, values, message] of cases) {
        const send = update(context, {
          UpdateExpression,
          ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
        });
        await context.fails(send, 'ValidationException', message);
      }
    },
  },
  {
    name: 'an update that creates an item has no old attributes',
    unlike: 'old-of-new-item',
    async run(context) {
      const { Attributes } = await update(context, {
        UpdateExpression: 'SET a = :v',
        ExpressionAttributeValues: { ':v': N(1) },
        ReturnValues: 'ALL_OLD',
      });
      expect(Attributes).toBeUndefined();
    },
  },
  {
    name: 'UPDATED_OLD and UPDATED_NEW answer what the update names',
    async run(context) {
      await context.put({ ...key('p'), a: N(1), m: { M: { x: N(1), y: N(2) } } });
      const change = { UpdateExpression: 'SET a = :v, m.x = :v', ExpressionAttributeValues: { ':v': N(7) } };
      const { Attributes: after } = await update(context, { ...change, ReturnValues: 'UPDATED_NEW' });
      expect(after).toEqual({ a: N(7), m: { M: { x: N(7) } } });
      const { Attributes: before } = await update(context, { ...change, ReturnValues: 'UPDATED_OLD' });
      expect(before).toEqual({ a: N(7), m: { M: { x: N(7) } } });
    },
  },
  {
    name: 'UPDATED_NEW of a list element answers that element',
    unlike: 'updated-list-elements',
    async run(context) {
      await context.put({ ...key('p'), l: { L: [S('a'), S('b')] } });
      const { Attributes } = await update(context, {
        UpdateExpression: 'SET l[1] = :v',
        ExpressionAttributeValues: { ':v': S('c') },
        ReturnValues: 'UPDATED_NEW',
      });
      expect(Attributes).toEqual({ l: { L: [S('c')] } });
    },
  },
  {
    name: 'an ordering comparison with a set is refused before anything is read',
    unlike: 'read-operand-types',
    async run({ client, table, fails }) {
      const send = client.send(
        new ScanCommand({
          TableName: table,
          FilterExpression: 'a < :v',
          ExpressionAttributeValues: { ':v': { NS: ['1'] } },
        }),
      );
      await fails(
        send,
        'ValidationException',
        'Invalid FilterExpression: Incorrect operand type for operator or function; operator or function: <, operand type: NS',
      );
    },
  },
  {
    name: 'key conditions take one equality and one range, of the right types',
    async run({ client, table, fails }) {
      const cases: [string, string][] = [
        ['sk = :a', 'Query condition missed key schema element: pk'],
        ['pk > :a', 'Query key condition not supported'],
        ['pk = :a OR sk = :a', 'Invalid operator used in KeyConditionExpression: OR'],
        ['pk = :a AND elsewhere = :a', 'Query condition missed key schema element: sk'],
      ];
      for (const [KeyConditionExpression, message] of cases) {
        const send = client.send(
          new QueryCommand({
            TableName: table,
            KeyConditionExpression,
            ExpressionAttributeValues: { ':a': S('a') },
          }),
        );
        await fails(send, 'ValidationException', message);
      }
    },
  },
  {
    name: 'a sort key condition must have the type of the sort key',
    unlike: 'key-condition-types',
    async run({ client, table, fails }) {
      const send = client.send(
        new QueryCommand({
          TableName: table,
          KeyConditionExpression: 'pk = :a AND sk > :n',
          ExpressionAttributeValues: { ':a': S('a'), ':n': N(1) },
        }),
      );
      await fails(
        send,
        'ValidationException',
        'One or more parameter values were invalid: Condition parameter type does not match schema type',
      );
    },
  },
];
