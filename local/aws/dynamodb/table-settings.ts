import { AwsError } from '../errors.ts';
import type { Context, Operation } from './context.ts';
import { expiryOf } from './expiry.ts';
import { allowOnly, count, flag, required, resourceName, structure, text, type Input } from './parameters.ts';
import type { Table } from './schema.ts';
import { constraintError, validationError } from './validation.ts';

const DEFAULT_RECOVERY_DAYS = 35;

/** Turns expiry on or off, at once, where AWS takes up to an hour. */
export const updateTimeToLive: Operation = {
  parameters: ['TableName', 'TimeToLiveSpecification'],
  run({ store, catalog }, input) {
    const table = catalog.describe(resourceName(input, 'TableName'));
    const specification = required(structure(input, 'TimeToLiveSpecification'), 'TimeToLiveSpecification');
    allowOnly('TimeToLiveSpecification', specification, ['Enabled', 'AttributeName']);
    const enabled = required(flag(specification, 'Enabled'), 'timeToLiveSpecification.enabled');
    const name = required(text(specification, 'AttributeName'), 'timeToLiveSpecification.attributeName');
    if (name.length < 1 || name.length > 255) {
      throw constraintError(
        `'${name}'`,
        'timeToLiveSpecification.attributeName',
        `Member must have length ${name.length < 1 ? 'greater than or equal to 1' : 'less than or equal to 255'}`,
      );
    }
    checkTransition(table, enabled, name);
    const { ttlAttribute: _, ...rest } = table;
    const changed: Table = enabled ? { ...rest, ttlAttribute: name } : rest;
    store.transaction(() => {
      catalog.save(changed);
      for (const row of store.readRange({ table: changed, descending: false })) {
        store.putItem(changed, row.key, row, expiryOf(changed, row.item));
      }
    });
    return { TimeToLiveSpecification: { Enabled: enabled, AttributeName: name } };
  },
};

function checkTransition({ ttlAttribute }: Table, enabled: boolean, name: string): void {
  if (enabled && ttlAttribute === name) throw validationError('TimeToLive is already enabled');
  if (enabled && ttlAttribute !== undefined) {
    throw validationError(
      `TimeToLive is active on a different AttributeName: current AttributeName is ${ttlAttribute}`,
    );
  }
  if (!enabled && ttlAttribute === undefined) throw validationError('TimeToLive is already disabled');
  if (!enabled && ttlAttribute !== name) {
    throw validationError(
      `TimeToLive is active on a different AttributeName: current AttributeName is ${ttlAttribute}`,
    );
  }
}

export const describeTimeToLive: Operation = {
  parameters: ['TableName'],
  run({ catalog }, input) {
    const { ttlAttribute } = catalog.describe(resourceName(input, 'TableName'));
    return {
      TimeToLiveDescription: {
        TimeToLiveStatus: ttlAttribute === undefined ? 'DISABLED' : 'ENABLED',
        ...(ttlAttribute !== undefined && { AttributeName: ttlAttribute }),
      },
    };
  },
};

/** Remembers whether point-in-time recovery is on; nothing here can be restored from it. */
export const updateContinuousBackups: Operation = {
  parameters: ['TableName', 'PointInTimeRecoverySpecification'],
  run(context, input) {
    const table = requireForBackups(context, input);
    const specification = required(
      structure(input, 'PointInTimeRecoverySpecification'),
      'PointInTimeRecoverySpecification',
    );
    allowOnly('PointInTimeRecoverySpecification', specification, [
      'PointInTimeRecoveryEnabled',
      'RecoveryPeriodInDays',
    ]);
    const enabled = required(
      flag(specification, 'PointInTimeRecoveryEnabled'),
      'pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled',
    );
    const days = count(specification, 'RecoveryPeriodInDays', 1, 35) ?? DEFAULT_RECOVERY_DAYS;
    const { recovery, ...rest } = table;
    const since = recovery?.since ?? context.now();
    const changed: Table = enabled ? { ...rest, recovery: { since, days } } : rest;
    context.store.transaction(() => context.catalog.save(changed));
    return { ContinuousBackupsDescription: describeBackups(changed, context.now()) };
  },
};

export const describeContinuousBackups: Operation = {
  parameters: ['TableName'],
  run(context, input) {
    const table = requireForBackups(context, input);
    return { ContinuousBackupsDescription: describeBackups(table, context.now()) };
  },
};

const requireForBackups = ({ catalog }: Context, input: Input): Table => {
  const name = resourceName(input, 'TableName');
  const table = catalog.get(name);
  if (table !== undefined) return table;
  throw new AwsError('TableNotFoundException', `Table not found: ${name}`);
};

function describeBackups(table: Table, now: number): Record<string, unknown> {
  const { recovery } = table;
  if (recovery === undefined) {
    return {
      ContinuousBackupsStatus: 'ENABLED',
      PointInTimeRecoveryDescription: { PointInTimeRecoveryStatus: 'DISABLED' },
    };
  }
  const earliest = Math.max(recovery.since, now - recovery.days * 24 * 3600 * 1000);
  return {
    ContinuousBackupsStatus: 'ENABLED',
    PointInTimeRecoveryDescription: {
      PointInTimeRecoveryStatus: 'ENABLED',
      RecoveryPeriodInDays: recovery.days,
      EarliestRestorableDateTime: earliest / 1000,
      LatestRestorableDateTime: now / 1000,
    },
  };
}
