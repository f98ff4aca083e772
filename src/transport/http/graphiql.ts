/**
 * GraphiQL, for a browser outside production.
 *
 * The page loads GraphiQL from a CDN, as its own example does: 3 MB that no
 * server needs. The values under "Headers" go with queries as headers, and
 * with subscriptions as `connection_init`.
 */
export const GRAPHIQL = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Real-time Communication Service</title>
    <style>
      body { margin: 0 }
      #graphiql { height: 100dvh }
    </style>
    <link rel="stylesheet" href="https://esm.sh/graphiql@5.4.0/dist/style.css" />
    <script type="importmap">
      {
        "imports": {
          "react": "https://esm.sh/react@19.1.0",
          "react/": "https://esm.sh/react@19.1.0/",
          "react-dom": "https://esm.sh/react-dom@19.1.0",
          "react-dom/": "https://esm.sh/react-dom@19.1.0/",
          "graphiql": "https://esm.sh/graphiql@5.4.0?standalone&external=react,react-dom,@graphiql/react,graphql",
          "graphiql/": "https://esm.sh/graphiql@5.4.0/",
          "@graphiql/react": "https://esm.sh/@graphiql/react?standalone&external=react,react-dom,graphql,@graphiql/toolkit,@emotion/is-prop-valid",
          "@graphiql/toolkit": "https://esm.sh/@graphiql/toolkit?standalone&external=graphql",
          "graphql": "https://esm.sh/graphql@16.11.0",
          "@emotion/is-prop-valid": "data:text/javascript,"
        }
      }
    </script>
    <script type="module">
      import React from 'react';
      import ReactDOM from 'react-dom/client';
      import { GraphiQL } from 'graphiql';
      import { createGraphiQLFetcher } from '@graphiql/toolkit';
      import 'graphiql/setup-workers/esm.sh';

      const url = new URL('/graphql', location.href);
      const subscriptionUrl = url.href.replace(/^http/, 'ws');
      const fetcher = (request, options) =>
        createGraphiQLFetcher({ url: url.href, subscriptionUrl, wsConnectionParams: options?.headers })(request, options);
      const defaultHeaders = '{ "authorization": "Bearer <the token that start-up printed>" }';
      const root = ReactDOM.createRoot(document.getElementById('graphiql'));
      root.render(React.createElement(GraphiQL, { fetcher, defaultHeaders }));
    </script>
  </head>
  <body>
    <div id="graphiql">Loading…</div>
  </body>
</html>
`;
