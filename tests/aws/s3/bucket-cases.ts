import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteBucketLifecycleCommand,
  DeletePublicAccessBlockCommand,
  GetBucketAclCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketLocationCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { expect } from 'bun:test';
import { type Case, refusalOf } from './cases.ts';

export const BUCKET_CASES: Case[] = [
  {
    name: 'a bucket is listed, found and located',
    async run(s3, bucket) {
      const { Buckets = [] } = await s3.send(new ListBucketsCommand());
      expect(Buckets.map((item) => item.Name)).toContain(bucket);
      await s3.send(new HeadBucketCommand({ Bucket: bucket }));
      const { LocationConstraint } = await s3.send(new GetBucketLocationCommand({ Bucket: bucket }));
      expect(LocationConstraint ?? '').toBe('');
    },
  },
  {
    name: "creating one's own bucket again succeeds in us-east-1",
    async run(s3, bucket) {
      await s3.send(new CreateBucketCommand({ Bucket: bucket }));
    },
  },
  {
    name: 'a bucket name that AWS would refuse is InvalidBucketName',
    async run(s3) {
      for (const Bucket of ['No-Capitals', 'ab', 'a..b', '10.0.0.1']) {
        expect(await refusalOf(s3.send(new CreateBucketCommand({ Bucket })))).toMatchObject({
          code: 'InvalidBucketName',
          status: 400,
        });
      }
    },
  },
  {
    name: 'a bucket that does not exist is 404 everywhere',
    async run(s3, bucket) {
      const Bucket = `${bucket}-missing`;
      expect(await refusalOf(s3.send(new HeadBucketCommand({ Bucket })))).toMatchObject({ status: 404 });
      expect(await refusalOf(s3.send(new GetBucketLocationCommand({ Bucket })))).toMatchObject({
        code: 'NoSuchBucket',
        status: 404,
      });
      expect(await refusalOf(s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' })))).toMatchObject({
        code: 'NoSuchBucket',
      });
      expect(await refusalOf(s3.send(new DeleteBucketCommand({ Bucket })))).toMatchObject({
        code: 'NoSuchBucket',
      });
    },
  },
  {
    name: 'a bucket with objects cannot be deleted, an empty one can',
    async run(s3, bucket) {
      const Bucket = `${bucket}-full`;
      await s3.send(new CreateBucketCommand({ Bucket: `${bucket}-empty` }));
      await s3.send(new DeleteBucketCommand({ Bucket: `${bucket}-empty` }));
      expect(await refusalOf(s3.send(new HeadBucketCommand({ Bucket: `${bucket}-empty` })))).toMatchObject({
        status: 404,
      });
      await s3.send(new CreateBucketCommand({ Bucket }));
      await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
      expect(await refusalOf(s3.send(new DeleteBucketCommand({ Bucket })))).toMatchObject({
        code: 'BucketNotEmpty',
        status: 409,
      });
    },
  },
  {
    name: 'a lifecycle configuration is stored, returned and removed',
    async run(s3, Bucket) {
      expect(await refusalOf(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })))).toMatchObject({
        code: 'NoSuchLifecycleConfiguration',
        status: 404,
      });
      const Rules = [
        { ID: 'expire', Status: 'Enabled' as const, Filter: { Prefix: 'a/' }, Expiration: { Days: 30 } },
      ];
      await s3.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }),
      );
      const stored = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
      expect(stored.Rules).toMatchObject(Rules);
      await s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
      expect(await refusalOf(s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket })))).toMatchObject({
        code: 'NoSuchLifecycleConfiguration',
      });
    },
  },
  {
    name: 'an encryption configuration is stored and returned',
    async run(s3, Bucket) {
      const Rules = [
        {
          ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' as const, KMSMasterKeyID: 'alias/x' },
        },
      ];
      await s3.send(new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: { Rules } }));
      const stored = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
      expect(stored.ServerSideEncryptionConfiguration?.Rules).toMatchObject(Rules);
    },
  },
  {
    name: 'a new bucket is encrypted with AES256',
    async run(s3, Bucket) {
      const { ServerSideEncryptionConfiguration } = await s3.send(new GetBucketEncryptionCommand({ Bucket }));
      expect(ServerSideEncryptionConfiguration?.Rules?.[0]?.ApplyServerSideEncryptionByDefault).toEqual({
        SSEAlgorithm: 'AES256',
      });
    },
  },
  {
    name: 'a new bucket blocks public access',
    async run(s3, Bucket) {
      const { PublicAccessBlockConfiguration } = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
      expect(PublicAccessBlockConfiguration).toEqual({
        BlockPublicAcls: true,
        IgnorePublicAcls: true,
        BlockPublicPolicy: true,
        RestrictPublicBuckets: true,
      });
    },
  },
  {
    name: 'a public access block is stored, returned and removed',
    async run(s3, Bucket) {
      const PublicAccessBlockConfiguration = { BlockPublicAcls: true, IgnorePublicAcls: false };
      await s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration }));
      const stored = await s3.send(new GetPublicAccessBlockCommand({ Bucket }));
      expect(stored.PublicAccessBlockConfiguration).toMatchObject(PublicAccessBlockConfiguration);
      await s3.send(new DeletePublicAccessBlockCommand({ Bucket }));
      expect(await refusalOf(s3.send(new GetPublicAccessBlockCommand({ Bucket })))).toMatchObject({
        code: 'NoSuchPublicAccessBlockConfiguration',
        status: 404,
      });
    },
  },
  {
    name: 'versioning is off, and suspending it changes nothing',
    async run(s3, Bucket) {
      expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBeUndefined();
      const VersioningConfiguration = { Status: 'Suspended' as const };
      await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
      expect((await s3.send(new GetBucketVersioningCommand({ Bucket }))).Status).toBe('Suspended');
    },
  },
];

/** What local AWS refuses by name, and AWS does not. */
export const BUCKET_REFUSALS: Case[] = [
  {
    name: 'enabling versioning is refused by name',
    async run(s3, Bucket) {
      const VersioningConfiguration = { Status: 'Enabled' as const };
      const refusal = await refusalOf(
        s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration })),
      );
      expect(refusal).toMatchObject({ code: 'NotImplemented', status: 400 });
      expect(refusal.message).toContain('Enabled');
    },
  },
  {
    name: 'an unknown sub-resource is refused by name',
    async run(s3, Bucket) {
      const refusal = await refusalOf(s3.send(new GetBucketAclCommand({ Bucket })));
      expect(refusal).toMatchObject({ code: 'NotImplemented', status: 400 });
      expect(refusal.message).toContain('acl');
    },
  },
];
