import { type } from 'arktype';
import { ERROR_CODES } from '../../shared/errors.ts';

/** RFC 9457, with a code from a closed set and the id of the request. */
export const Problem = type({
  type: 'string',
  title: 'string',
  status: 'number.integer',
  detail: 'string',
  code: type.enumerated(...ERROR_CODES),
  request_id: 'string',
  'errors?': type({ field: 'string', message: 'string' }).array(),
  'resets_at?': 'string',
  'upgrade_url?': 'string',
});
