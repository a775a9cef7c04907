// oxlint-disable eslint/no-new -- a construct registers itself with its scope
import { S3Bucket } from '@cdktf/provider-aws/lib/s3-bucket';
import { S3BucketLifecycleConfiguration } from '@cdktf/provider-aws/lib/s3-bucket-lifecycle-configuration';
import { S3BucketOwnershipControls } from '@cdktf/provider-aws/lib/s3-bucket-ownership-controls';
import { S3BucketPolicy } from '@cdktf/provider-aws/lib/s3-bucket-policy';
import { S3BucketPublicAccessBlock } from '@cdktf/provider-aws/lib/s3-bucket-public-access-block';
import { S3BucketServerSideEncryptionConfigurationA } from '@cdktf/provider-aws/lib/s3-bucket-server-side-encryption-configuration';
import type { Construct } from 'constructs';
import type { Settings } from '../settings.ts';

/** Days after which the parts of an upload that nobody finished are dropped. */
const ABANDONED_UPLOAD_DAYS = 2;

export type BucketSpec = {
  readonly name: string;
  readonly keyArn: string;
  readonly settings: Settings;
  /** Null: objects are kept. */
  readonly expireDays: number | null;
};

/** A private bucket: encrypted with our key, TLS only, no ACLs, no public access, and a lifecycle. */
export function bucket(scope: Construct, id: string, spec: BucketSpec): S3Bucket {
  const { protectData } = spec.settings;
  const made = new S3Bucket(scope, `${id}-bucket`, {
    bucket: spec.name,
    forceDestroy: !protectData,
    lifecycle: { preventDestroy: protectData },
  });
  const access = new S3BucketPublicAccessBlock(scope, `${id}-access`, {
    bucket: made.id,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
  });
  new S3BucketOwnershipControls(scope, `${id}-ownership`, {
    bucket: made.id,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  });
  new S3BucketServerSideEncryptionConfigurationA(scope, `${id}-encryption`, {
    bucket: made.id,
    rule: [
      {
        applyServerSideEncryptionByDefault: { sseAlgorithm: 'aws:kms', kmsMasterKeyId: spec.keyArn },
        bucketKeyEnabled: true,
      },
    ],
  });
  new S3BucketLifecycleConfiguration(scope, `${id}-lifecycle`, {
    bucket: made.id,
    rule: [
      {
        id: 'abandoned-uploads',
        status: 'Enabled',
        filter: [{ prefix: '' }],
        abortIncompleteMultipartUpload: [{ daysAfterInitiation: ABANDONED_UPLOAD_DAYS }],
      },
      ...(spec.expireDays === null
        ? []
        : [
            {
              id: 'expiry',
              status: 'Enabled',
              filter: [{ prefix: '' }],
              expiration: [{ days: spec.expireDays }],
            },
          ]),
    ],
  });
  new S3BucketPolicy(scope, `${id}-tls`, {
    bucket: made.id,
    policy: tlsOnly(spec.name),
    // Both change the bucket's policy; S3 answers 409 to the second at once.
    dependsOn: [access],
  });
  return made;
}

const tlsOnly = (name: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  });
