import type { Route } from '../http/route.ts';
import { docsRoutes } from './docs.ts';
import { health } from './health.ts';
import * as apiKeys from './api-keys.ts';
import * as audit from './audit.ts';
import * as billing from './billing.ts';
import * as jobs from './jobs.ts';
import * as secrets from './secrets.ts';
import * as tenants from './tenants.ts';

/**
 * Every route of the API. The running app, the OpenAPI document, the gateway's routes and the security suite
 * are all made from this table; there is no other way to add a route.
 */
export const ROUTES: readonly Route[] = [
  health,
  jobs.submit,
  jobs.list,
  jobs.get,
  jobs.cancel,
  jobs.output,
  jobs.events,
  tenants.create,
  tenants.list,
  tenants.get,
  tenants.change,
  tenants.remove,
  apiKeys.issue,
  apiKeys.list,
  apiKeys.revoke,
  apiKeys.rotate,
  secrets.put,
  secrets.list,
  secrets.get,
  secrets.remove,
  secrets.restore,
  secrets.rotate,
  audit.list,
  billing.usage,
  billing.plans,
  billing.checkout,
  billing.portal,
  billing.preview,
  billing.plan,
  billing.invoices,
  billing.invoiceCsv,
  billing.spendCap,
  billing.webhook,
  ...docsRoutes(() => ROUTES),
];
