import { type } from 'arktype';
import { Priority } from '../model/job.ts';
import { Ulid, Uuid } from '../model/primitives.ts';

/** What a queue carries: the job's name and nothing of its content. The record is the authority. */
export const JobMessage = type({ v: '1', tenant_id: Uuid, job_id: Ulid, priority: Priority });
export type JobMessage = typeof JobMessage.infer;

const fromJson = type('string.json.parse').to(JobMessage);

/** Undefined for anything that is no job message: such a message is left to the dead-letter queue. */
export function parseJobMessage(body: string): JobMessage | undefined {
  const message = fromJson(body);
  return message instanceof type.errors ? undefined : message;
}
