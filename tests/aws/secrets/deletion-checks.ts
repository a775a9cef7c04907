import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type DeleteSecretCommandInput,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';

const DAY_MS = 86_400_000;

async function create(client: SecretsManagerClient, name: string): Promise<void> {
  await client.send(new CreateSecretCommand({ Name: name, SecretString: 'x' }));
}

async function remove(
  client: SecretsManagerClient,
  name: string,
  more: Partial<DeleteSecretCommandInput> = {},
): Promise<Date | undefined> {
  return (await client.send(new DeleteSecretCommand({ SecretId: name, ...more }))).DeletionDate;
}

export const DELETION_CHECKS: readonly Check<SecretsManagerClient>[] = [
  {
    what: 'a deleted secret waits out its recovery window, unreadable',
    async run(client, name) {
      await create(client, name);
      const date = await remove(client, name, { RecoveryWindowInDays: 7 });
      const days = ((date?.getTime() ?? 0) - Date.now()) / DAY_MS;
      expect(Math.abs(days - 7)).toBeLessThan(0.1);
      const value = client.send(new GetSecretValueCommand({ SecretId: name }));
      const put = client.send(new PutSecretValueCommand({ SecretId: name, SecretString: 'y' }));
      expect(await Promise.all([errorName(value), errorName(put)])).toEqual([
        'InvalidRequestException',
        'InvalidRequestException',
      ]);
      const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
      expect(described.DeletedDate).toBeInstanceOf(Date);
    },
  },
  {
    what: 'the window is 30 days where none is given',
    async run(client, name) {
      await create(client, name);
      const days = (((await remove(client, name))?.getTime() ?? 0) - Date.now()) / DAY_MS;
      expect(Math.abs(days - 30)).toBeLessThan(0.1);
    },
  },
  {
    what: 'the name of a secret that waits for deletion is taken',
    async run(client, name) {
      await create(client, name);
      await remove(client, name);
      expect(await errorName(create(client, name))).toBe('InvalidRequestException');
    },
  },
  {
    what: 'a restored secret is as it was',
    async run(client, name) {
      await create(client, name);
      await remove(client, name);
      await client.send(new RestoreSecretCommand({ SecretId: name }));
      const value = await client.send(new GetSecretValueCommand({ SecretId: name }));
      const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
      expect([value.SecretString, described.DeletedDate]).toEqual(['x', undefined]);
    },
  },
  {
    what: 'a forced deletion is at once, and frees the name',
    async run(client, name) {
      await create(client, name);
      await remove(client, name, { ForceDeleteWithoutRecovery: true });
      const described = client.send(new DescribeSecretCommand({ SecretId: name }));
      expect(await errorName(described)).toBe('ResourceNotFoundException');
      await create(client, name);
    },
  },
  {
    what: 'a forced deletion of an unknown secret succeeds, another does not',
    async run(client, name) {
      await remove(client, name, { ForceDeleteWithoutRecovery: true });
      expect(await errorName(remove(client, name))).toBe('ResourceNotFoundException');
    },
  },
  {
    what: 'a window outside 7 to 30 days is InvalidParameterException',
    async run(client, name) {
      await create(client, name);
      expect([
        await errorName(remove(client, name, { RecoveryWindowInDays: 6 })),
        await errorName(remove(client, name, { RecoveryWindowInDays: 31 })),
        await errorName(remove(client, name, { RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true })),
      ]).toEqual(Array.from({ length: 3 }, () => 'InvalidParameterException'));
    },
  },
];
