import {
  GetSecretValueCommand,
  InvalidRequestException,
  ResourceNotFoundException,
} from '@aws-sdk/client-secrets-manager';
import type { Secrets } from './secrets.ts';

/** A secret's current text; undefined when there is none or it is scheduled for deletion. */
export async function readSecret(
  secrets: Secrets,
  name: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const answer = await secrets.client.send(
      new GetSecretValueCommand({ SecretId: name }),
      signal === undefined ? {} : { abortSignal: signal },
    );
    return answer.SecretString;
  } catch (error) {
    if (error instanceof ResourceNotFoundException || error instanceof InvalidRequestException)
      return undefined;
    throw error;
  }
}
