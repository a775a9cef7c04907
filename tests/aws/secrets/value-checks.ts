import {
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { expect } from 'bun:test';
import { errorName, type Check } from '../contract.ts';

const token = (): string => crypto.randomUUID();

async function create(client: SecretsManagerClient, name: string, value = 'first'): Promise<string> {
  const created = await client.send(new CreateSecretCommand({ Name: name, SecretString: value }));
  return created.VersionId ?? '';
}

async function put(
  client: SecretsManagerClient,
  name: string,
  value: string,
  labels?: string[],
): Promise<string> {
  const stored = await client.send(
    new PutSecretValueCommand({ SecretId: name, SecretString: value, VersionStages: labels }),
  );
  return stored.VersionId ?? '';
}

async function read(client: SecretsManagerClient, name: string, stage?: string): Promise<string | undefined> {
  const value = await client.send(new GetSecretValueCommand({ SecretId: name, VersionStage: stage }));
  return value.SecretString;
}

async function stages(client: SecretsManagerClient, name: string): Promise<Record<string, string[]>> {
  const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
  return described.VersionIdsToStages ?? {};
}

export const VALUE_CHECKS: readonly Check<SecretsManagerClient>[] = [
  {
    what: 'a secret is read by name, by ARN and by ARN without its suffix',
    async run(client, name) {
      const created = await client.send(
        new CreateSecretCommand({ Name: `a/b/${name}`, SecretString: 'größe' }),
      );
      const arn = created.ARN ?? '';
      expect(arn).toMatch(new RegExp(`:secret:a/b/${name}-[A-Za-z0-9]{6}$`));
      for (const id of [`a/b/${name}`, arn, arn.slice(0, -7)]) expect(await read(client, id)).toBe('größe');
    },
  },
  {
    what: 'a binary secret comes back as it was',
    async run(client, name) {
      const bytes = new Uint8Array([0, 255, 1, 254]);
      await client.send(new CreateSecretCommand({ Name: name, SecretBinary: bytes }));
      const value = await client.send(new GetSecretValueCommand({ SecretId: name }));
      expect([value.SecretString, [...(value.SecretBinary ?? [])]]).toEqual([undefined, [...bytes]]);
    },
  },
  {
    what: 'a secret can be made without a value, which is then not found',
    async run(client, name) {
      await client.send(new CreateSecretCommand({ Name: name }));
      expect(await errorName(read(client, name))).toBe('ResourceNotFoundException');
      await put(client, name, 'now');
      expect(await read(client, name)).toBe('now');
    },
  },
  {
    what: 'an unknown secret is ResourceNotFoundException',
    async run(client, name) {
      expect([
        await errorName(read(client, name)),
        await errorName(put(client, name, 'x')),
        await errorName(stages(client, name)),
      ]).toEqual(Array.from({ length: 3 }, () => 'ResourceNotFoundException'));
    },
  },
  {
    what: 'a name that is taken is ResourceExistsException',
    async run(client, name) {
      await create(client, name);
      expect(await errorName(create(client, name))).toBe('ResourceExistsException');
    },
  },
  {
    what: 'the same creation again, by its token, succeeds again',
    async run(client, name) {
      const command = { Name: name, SecretString: 'x', ClientRequestToken: token() };
      const first = await client.send(new CreateSecretCommand(command));
      const second = await client.send(new CreateSecretCommand(command));
      expect([second.ARN, second.VersionId]).toEqual([first.ARN, first.VersionId]);
    },
  },
  {
    what: 'a new value becomes current and the old one previous',
    async run(client, name) {
      const first = await create(client, name);
      const second = await put(client, name, 'second');
      expect(await stages(client, name)).toEqual({ [first]: ['AWSPREVIOUS'], [second]: ['AWSCURRENT'] });
      expect([await read(client, name), await read(client, name, 'AWSPREVIOUS')]).toEqual([
        'second',
        'first',
      ]);
      const third = await put(client, name, 'third');
      expect(await stages(client, name)).toEqual({ [second]: ['AWSPREVIOUS'], [third]: ['AWSCURRENT'] });
    },
  },
  {
    what: 'the same value with the same token is stored once, another value is refused',
    async run(client, name) {
      await create(client, name);
      const send = (SecretString: string, ClientRequestToken: string): Promise<unknown> =>
        client.send(new PutSecretValueCommand({ SecretId: name, SecretString, ClientRequestToken }));
      const id = token();
      await send('second', id);
      await send('second', id);
      expect(await errorName(send('other', id))).toBe('ResourceExistsException');
      expect(await read(client, name)).toBe('second');
    },
  },
  {
    what: 'a pending value leaves the current one alone, and is promoted by its label',
    async run(client, name) {
      const first = await create(client, name);
      const second = await put(client, name, 'second', ['AWSPENDING']);
      expect([await read(client, name), await read(client, name, 'AWSPENDING')]).toEqual(['first', 'second']);
      await client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: name,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId: second,
          RemoveFromVersionId: first,
        }),
      );
      expect([await read(client, name), await read(client, name, 'AWSPREVIOUS')]).toEqual([
        'second',
        'first',
      ]);
    },
  },
  {
    what: 'a label moves only from the version that has it',
    async run(client, name) {
      await create(client, name);
      const second = await put(client, name, 'second', ['AWSPENDING']);
      const move = client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: name,
          VersionStage: 'AWSCURRENT',
          MoveToVersionId: second,
        }),
      );
      expect(await errorName(move)).toBe('InvalidParameterException');
      expect(await read(client, name)).toBe('first');
    },
  },
  {
    what: 'AWSCURRENT cannot be removed',
    async run(client, name) {
      const first = await create(client, name);
      const removal = client.send(
        new UpdateSecretVersionStageCommand({
          SecretId: name,
          VersionStage: 'AWSCURRENT',
          RemoveFromVersionId: first,
        }),
      );
      expect(await errorName(removal)).toBe('InvalidParameterException');
    },
  },
  {
    what: 'a version is read by its id, and id and label must agree',
    async run(client, name) {
      const first = await create(client, name);
      await put(client, name, 'second');
      const get = (
        VersionId: string,
        VersionStage?: string,
      ): Promise<{ SecretString?: string | undefined }> =>
        client.send(new GetSecretValueCommand({ SecretId: name, VersionId, VersionStage }));
      expect((await get(first)).SecretString).toBe('first');
      expect(await errorName(get(first, 'AWSCURRENT'))).toBe('InvalidRequestException');
      expect(await errorName(get(token()))).toBe('ResourceNotFoundException');
    },
  },
  {
    what: 'an update changes the description alone, or the value too',
    async run(client, name) {
      await create(client, name);
      await client.send(new UpdateSecretCommand({ SecretId: name, Description: 'about' }));
      expect(await read(client, name)).toBe('first');
      await client.send(new UpdateSecretCommand({ SecretId: name, SecretString: 'second' }));
      const described = await client.send(new DescribeSecretCommand({ SecretId: name }));
      expect([described.Description, await read(client, name)]).toEqual(['about', 'second']);
    },
  },
  {
    what: 'the versions are listed, those without a label only on request',
    async run(client, name) {
      const first = await create(client, name);
      const second = await put(client, name, 'second');
      const third = await put(client, name, 'third');
      const ids = async (IncludeDeprecated: boolean): Promise<string[]> => {
        const listed = await client.send(
          new ListSecretVersionIdsCommand({ SecretId: name, IncludeDeprecated }),
        );
        return (listed.Versions ?? []).map(({ VersionId }) => VersionId ?? '').toSorted();
      };
      expect(await ids(false)).toEqual([second, third].toSorted());
      expect(await ids(true)).toEqual([first, second, third].toSorted());
    },
  },
  {
    what: 'a value beyond 64 KiB is refused',
    async run(client, name) {
      await create(client, name, 'x'.repeat(65_536));
      expect(await errorName(put(client, name, 'x'.repeat(65_537)))).not.toBe('');
      expect((await read(client, name))?.length).toBe(65_536);
    },
  },
];
