import { type } from 'arktype';
import { notFound } from '../../shared/errors.ts';
import { openApiDocument } from '../http/openapi.ts';
import { type Route, route } from '../http/route.ts';

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Outpost API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="docs"></div>
<script src="docs/swagger-ui.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

/** The page runs its own scripts and talks to this API alone. Swagger UI needs inline styles and data images. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/** The document and its interactive page, made from the routes that they describe (themselves included). */
export function docsRoutes(routes: () => readonly Route[]): Route[] {
  // Anybody may ask for it, and making it takes milliseconds.
  const made = new Map<string, string>();
  const documentFor = (agents: readonly string[]): string => {
    const key = agents.join();
    const text = made.get(key) ?? JSON.stringify(openApiDocument(routes(), agents));
    made.set(key, text);
    return text;
  };
  return [
    route({
      method: 'GET',
      path: '/openapi.json',
      operationId: 'openApi',
      tag: 'Service',
      summary: 'This document',
      access: 'public',
      unaudited: true,
      action: 'service.openapi',
      answers: { 200: { description: 'OpenAPI 3.1.', schema: type('object') } },
      handle: async ({ deps }) =>
        new Response(documentFor(deps.settings.agents), {
          headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=300' },
        }),
    }),
    route({
      method: 'GET',
      path: '/docs',
      operationId: 'docs',
      tag: 'Service',
      summary: 'This document as an interactive page',
      access: 'public',
      unaudited: true,
      action: 'service.docs',
      answers: {
        200: {
          description: 'The page.',
          contentType: 'text/html',
          headers: { 'content-security-policy': 'It runs its own scripts alone.' },
        },
      },
      handle: async () =>
        new Response(PAGE, {
          headers: {
            'content-type': 'text/html; charset=utf-8',
            'content-security-policy': CONTENT_SECURITY_POLICY,
          },
        }),
    }),
    route({
      method: 'GET',
      path: '/docs/:asset',
      operationId: 'docsAsset',
      tag: 'Service',
      summary: 'A file of the interactive page',
      access: 'public',
      unaudited: true,
      action: 'service.docs_asset',
      params: type({ asset: /^[a-z.-]{1,32}$/ }),
      answers: { 200: { description: 'The file.', contentType: '*/*' } },
      errors: ['not_found'],
      handle: async ({ params }) => {
        const { DOCS_ASSETS } = await import('../docs-assets.ts');
        const asset = Object.hasOwn(DOCS_ASSETS, params.asset) ? DOCS_ASSETS[params.asset] : undefined;
        if (asset === undefined) throw notFound('file');
        return new Response(asset.text, {
          headers: { 'content-type': asset.type, 'cache-control': 'public, max-age=86400' },
        });
      },
    }),
  ];
}
