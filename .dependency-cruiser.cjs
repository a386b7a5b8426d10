/** Import arrows of the repository, as CONTRIBUTING.md explains them. Run with `npx depcruise`. */

/** A domain may import domains to its left. audit is a leaf that all may write to; the last ones only subscribe. */
const domainOrder = [
  'users',
  'teams',
  'auth',
  'studio',
  'moderation',
  'assets',
  'models',
  'billing',
  'workflows',
  'jobs',
  'generate',
  'community',
  'notifications',
  'analytics',
];

const domain = (name) => `^apps/api/src/domains/${name}/`;

const leftward = domainOrder.slice(0, -1).map((name, i) => ({
  name: `leftward-${name}`,
  comment: `${name} may import only domains to its left: ${domainOrder.slice(0, i).join(', ') || 'none'}, and audit.`,
  severity: 'error',
  from: { path: domain(name) },
  to: { path: domain(`(${domainOrder.slice(i + 1).join('|')})`) },
}));

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      comment: 'A cycle hides which of two files comes first.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'known-domain',
      comment: 'Place a new domain in domainOrder before it imports or is imported.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/', pathNot: domain(`(${[...domainOrder, 'audit'].join('|')})`) },
      to: {},
    },
    {
      name: 'domain-by-index',
      comment: 'A domain sees of another domain only its index.ts.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/([^/]+)/' },
      to: {
        path: '^apps/api/src/domains/([^/]+)/',
        pathNot: ['^apps/api/src/domains/$1/', '^apps/api/src/domains/[^/]+/index\\.ts$'],
      },
    },
    {
      name: 'server-by-index',
      comment: 'app.ts, compose.ts and roles.ts put domains together by their index.ts.',
      severity: 'error',
      from: { path: '^apps/api/src/[^/]+\\.ts$', pathNot: '\\.test\\.ts$' },
      to: { path: '^apps/api/src/domains/', pathNot: '/index\\.ts$' },
    },
    ...leftward,
    {
      name: 'audit-is-a-leaf',
      comment: 'audit is written to by all and knows nobody.',
      severity: 'error',
      from: { path: domain('audit') },
      to: { path: '^apps/api/src/(domains|http)/', pathNot: domain('audit') },
    },
    {
      name: 'routes-to-service',
      comment: 'Routes map contracts to use cases and never reach SQL.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/[^/]+/routes\\.ts$' },
      to: { path: '(/(queries|tables)\\.ts$|^apps/api/src/platform/db\\.ts$|node_modules/(kysely|pg)/)' },
    },
    {
      name: 'queries-to-db',
      comment: 'Queries know tables, not rules, HTTP or other domains.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/[^/]+/queries(\\.ts$|/)' },
      to: {
        path: '^apps/api/src/(http/|domains/[^/]+/(index|routes|service|policy|present|tasks)|(app|compose|deps|main|roles)\\.ts)',
      },
    },
    {
      name: 'service-knows-no-http',
      comment: 'Use cases answer values and throw AppError; HTTP is the business of routes.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/[^/]+/(service|present|policy|queries)(\\.ts$|/)' },
      to: { path: '(^apps/api/src/http/|node_modules/fastify/)' },
    },
    {
      name: 'policy-is-pure',
      comment: 'A policy is a table of predicates over the actor and the resource.',
      severity: 'error',
      from: { path: '^apps/api/src/domains/[^/]+/policy\\.ts$' },
      to: { path: '(/(queries|service|routes)\\.ts$|^apps/api/src/platform/(db|blob|bus)\\.ts$)' },
    },
    {
      name: 'platform-knows-nobody',
      comment: 'The platform serves domains and HTTP and imports neither.',
      severity: 'error',
      from: { path: '^apps/api/src/platform/', pathNot: '\\.test\\.ts$' },
      to: { path: '^apps/api/src/', pathNot: '^apps/api/src/platform/' },
    },
    {
      name: 'http-knows-no-domain',
      comment: 'The route helper serves every domain alike.',
      severity: 'error',
      from: { path: '^apps/api/src/http/', pathNot: '\\.test\\.ts$' },
      to: { path: '^apps/api/src/(domains/|(app|compose|main|roles)\\.ts)' },
    },
    {
      name: 'only-main-starts',
      comment: 'Adapters are chosen in compose.ts, and nothing but main.ts and the test fixtures compose.',
      severity: 'error',
      from: { path: '^apps/api/', pathNot: '^apps/api/(src/main|test/(studio|template-database))\\.ts$' },
      to: { path: '^apps/api/src/(compose|main)\\.ts$' },
    },
    {
      name: 'packages-know-no-app',
      comment: 'Packages are imported by apps, never the other way round.',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^(apps|engine|tooling|tests)/' },
    },
    {
      name: 'contracts-import-no-package',
      comment: 'The contracts are the root of everything.',
      severity: 'error',
      from: { path: '^packages/contracts/' },
      to: { path: '^packages/(?!contracts/)' },
    },
    {
      name: 'web-and-api-meet-in-packages',
      comment: 'The web and the api share contracts, not code.',
      severity: 'error',
      from: { path: '^apps/(web|api)/' },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'browser-code-is-not-node',
      comment: 'contracts, client and graph run in the browser as well.',
      severity: 'error',
      from: {
        path: '^packages/(contracts|client|graph)/src/',
        pathNot: '(\\.test\\.ts$|/testing\\.ts$|\\.fixture\\.ts$)',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'tests-are-not-imported',
      comment: 'Product code stands without its tests.',
      severity: 'error',
      from: { pathNot: '(\\.(test|fixture)\\.tsx?$|/testing\\.ts$|^apps/api/test/|^tests/)' },
      to: { path: '(\\.(test|fixture)\\.tsx?$|/testing\\.ts$|^apps/api/test/|^tests/)' },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['(^|/)(\\.next|dist|generated|test-results|playwright-report)/', 'next-env\\.d\\.ts$'] },
    // Type imports count: an arrow is an arrow.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.css'],
    },
  },
};
