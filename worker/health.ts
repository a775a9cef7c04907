/** What a worker says of itself. */
export type Health = {
  /** Receives jobs. False while it starts and from the moment it is asked to stop. */
  ready: boolean;
  currentJob: { readonly job_id: string; readonly tenant_id: string; readonly since: string } | null;
};

export type HealthServer = { readonly endpoint: string; stop(): Promise<void> };

/**
 * Serves GET /health on loopback: 200 whenever this process answers at all (live), with `ready` and the
 * current job. Port 0 is any free one.
 */
export const serveHealth = (port: number, health: Health): HealthServer => {
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    fetch: (request) =>
      new URL(request.url).pathname === '/health'
        ? Response.json({ live: true, ready: health.ready, current_job: health.currentJob })
        : new Response('not found', { status: 404 }),
  });
  return { endpoint: `http://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
};
