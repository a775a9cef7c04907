import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'bun:test';
import type { BackendName } from './backends.ts';
import { openCase, type Case } from './case.ts';
import { EXPRESSION_CASES } from './cases/expressions.ts';
import { ITEM_CASES } from './cases/items.ts';
import { READ_CASES } from './cases/reads.ts';
import { TABLE_CASES } from './cases/tables.ts';
import { TRANSACTION_CASES } from './cases/transactions.ts';

/** Every behaviour of DynamoDB that Outpost relies on. */
export const CONTRACT: readonly Case[] = [
  ...ITEM_CASES,
  ...EXPRESSION_CASES,
  ...READ_CASES,
  ...TRANSACTION_CASES,
  ...TABLE_CASES,
];

/** Registers the contract's tests for one service; a case that a referee is known to fail must fail there. */
export function contract(backend: BackendName, client: () => DynamoDBClient): void {
  CONTRACT.forEach(({ name, unlike, run }, index) => {
    const differs = unlike !== undefined && backend !== 'local';
    test(differs ? `${name} (known difference: ${unlike})` : name, async () => {
      const attempt = run(await openCase(client(), backend, `contract-${index}`));
      if (!differs) return attempt;
      const failed = await attempt.then(
        () => false,
        () => true,
      );
      expect({ 'the known difference still occurs': failed }).toEqual({
        'the known difference still occurs': true,
      });
    });
  });
}
