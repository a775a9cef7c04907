import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  ListSecretsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  type Filter,
  type SecretsManagerClient,
  type Tag,
} from '@aws-sdk/client-secrets-manager';
import { expect } from 'bun:test';
import type { Check } from '../contract.ts';

async function create(client: SecretsManagerClient, name: string, tags: Tag[] = []): Promise<void> {
  await client.send(new CreateSecretCommand({ Name: name, SecretString: `value of ${name}`, Tags: tags }));
}

async function names(client: SecretsManagerClient, filters: Filter[], planned = false): Promise<string[]> {
  const listed = await client.send(
    new ListSecretsCommand({ Filters: filters, IncludePlannedDeletion: planned }),
  );
  return (listed.SecretList ?? []).map(({ Name }) => Name ?? '').toSorted();
}

export const LISTING_CHECKS: readonly Check<SecretsManagerClient>[] = [
  {
    what: 'secrets are listed by the beginning of their name',
    async run(client, name) {
      await create(client, `${name}/t1/a`);
      await create(client, `${name}/t1/b`);
      await create(client, `${name}/t2/a`);
      const filter = (value: string): Promise<string[]> => names(client, [{ Key: 'name', Values: [value] }]);
      expect(await filter(`${name}/t1/`)).toEqual([`${name}/t1/a`, `${name}/t1/b`]);
      expect(await filter(`${name}/t3/`)).toEqual([]);
    },
  },
  {
    what: 'secrets are listed by their tags',
    async run(client, name) {
      await create(client, `${name}-a`, [{ Key: 'tenant', Value: name }]);
      await create(client, `${name}-b`, [{ Key: 'tenant', Value: 'other' }]);
      expect(await names(client, [{ Key: 'tag-value', Values: [name] }])).toEqual([`${name}-a`]);
    },
  },
  {
    what: 'a list goes page by page',
    async run(client, name) {
      await Promise.all(['a', 'b', 'c'].map((letter) => create(client, `${name}-${letter}`)));
      const page = (token?: string): ListSecretsCommand =>
        new ListSecretsCommand({
          Filters: [{ Key: 'name', Values: [name] }],
          MaxResults: 2,
          NextToken: token,
        });
      const first = await client.send(page());
      const second = await client.send(page(first.NextToken));
      const all = [...(first.SecretList ?? []), ...(second.SecretList ?? [])].map(({ Name }) => Name ?? '');
      expect(all.toSorted()).toEqual([`${name}-a`, `${name}-b`, `${name}-c`]);
      expect([first.SecretList?.length, second.NextToken]).toEqual([2, undefined]);
    },
  },
  {
    what: 'a secret that waits for deletion is listed on request only',
    async run(client, name) {
      await create(client, name);
      await client.send(new DeleteSecretCommand({ SecretId: name }));
      const filters: Filter[] = [{ Key: 'name', Values: [name] }];
      expect([await names(client, filters), await names(client, filters, true)]).toEqual([[], [name]]);
    },
  },
  {
    what: 'tags are added, replaced and removed',
    async run(client, name) {
      await create(client, name, [{ Key: 'a', Value: '1' }]);
      await client.send(
        new TagResourceCommand({
          SecretId: name,
          Tags: [
            { Key: 'a', Value: '2' },
            { Key: 'b', Value: '3' },
          ],
        }),
      );
      await client.send(new UntagResourceCommand({ SecretId: name, TagKeys: ['b'] }));
      const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
      expect(described.Tags).toEqual([{ Key: 'a', Value: '2' }]);
    },
  },
  {
    what: 'a batch answers each value, and why another is missing',
    async run(client, name) {
      await create(client, `${name}-a`);
      const batch = await client.send(
        new BatchGetSecretValueCommand({ SecretIdList: [`${name}-a`, `${name}-none`] }),
      );
      expect(batch.SecretValues?.map(({ SecretString }) => SecretString)).toEqual([`value of ${name}-a`]);
      expect(batch.Errors).toMatchObject([
        { SecretId: `${name}-none`, ErrorCode: 'ResourceNotFoundException' },
      ]);
    },
  },
];
