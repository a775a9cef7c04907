import { apiFunction } from './api.ts';

/** The API behind a function URL: server-sent events stay open. */
export const lambda = apiFunction(true);
