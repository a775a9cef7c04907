import script from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'text' };
import style from 'swagger-ui-dist/swagger-ui.css' with { type: 'text' };

/** Swagger UI, served by the API itself: the page loads nothing from elsewhere. Imported only when asked for. */
export const DOCS_ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  'swagger-ui.js': { type: 'text/javascript; charset=utf-8', text: script },
  'swagger-ui.css': { type: 'text/css; charset=utf-8', text: style },
  'start.js': {
    type: 'text/javascript; charset=utf-8',
    text: `SwaggerUIBundle({ url: '../openapi.json', dom_id: '#docs', tryItOutEnabled: true, persistAuthorization: false });`,
  },
};
