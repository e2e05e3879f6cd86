import { defineConfig } from 'vitepress';

/** The site is the Markdown of this folder, as it is read in the repository too; dead links between pages fail the build. */
export default defineConfig({
  title: 'Pegasus',
  description: 'Durable workflows on your own machines: write, publish, run, watch.',
  lang: 'en-GB',
  cacheDir: '../.cache/vitepress',
  cleanUrls: true,
  // Links into the repository (packages/…, README.md) are checked by tests/docs; the site does not carry those files.
  ignoreDeadLinks: [/^(\.\.?\/)+(packages|examples|deploy|CHANGELOG|README|AGENTS|SECURITY)/],
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Tutorial', link: '/tutorial' },
      { text: 'How-to', link: '/how-to/' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Explanation', link: '/explanation/' },
    ],
    sidebar: [
      { text: 'Start', items: [page('Overview', '/'), page('Tutorial: ten minutes', '/tutorial')] },
      {
        text: 'How to …',
        link: '/how-to/',
        items: [
          page('… test a workflow', '/how-to/test-a-workflow'),
          page('… change a workflow that is running', '/how-to/change-a-running-workflow'),
          page('… call the platform from a run', '/how-to/call-the-platform'),
          page('… draw and check a diagram', '/diagrams'),
          page('… push from CI', '/how-to/push-from-ci'),
          page('… delay, queue and debounce runs', '/how-to/delay-queue-and-debounce-runs'),
          page('… run a workflow dry', '/how-to/dry-run'),
          page('… signal, query and watch a run', '/how-to/signal-query-watch'),
          page('… interfere with runs', '/how-to/control-runs'),
          page('… read what a run has logged', '/how-to/read-logs'),
          page('… follow runs from a program', '/how-to/watch-runs'),
          page('… start a workflow by itself', '/how-to/triggers-and-schedules'),
          page('… give a workflow secrets and configuration', '/how-to/secrets-and-configuration'),
          page('… remember what is known of an outside record', '/how-to/projections'),
          page('… describe an integration as data', '/how-to/integrations'),
          page('… start runs by events', '/how-to/events'),
          page('… receive webhooks of a partner', '/how-to/webhooks-in'),
          page('… have a URL told how runs end', '/how-to/webhooks-out'),
          page('… send text messages', '/how-to/send-sms'),
          page('… call outside APIs', '/how-to/call-outside-apis'),
          page('… set up credentials and profiles', '/how-to/credentials-and-profiles'),
          page('… give people and programs access', '/how-to/access'),
          page('… dispatch coding agents', '/how-to/dispatch-agents'),
          page('… connect a coding agent over MCP', '/mcp'),
          page('… use your own Temporal and PostgreSQL', '/how-to/external-temporal-and-postgresql'),
          page('… run tenant code in the sandbox', '/sandbox'),
          page('… bound what a tenant takes', '/limits'),
          page('… read encrypted payloads in Temporal', '/payload-encryption'),
          page('… upgrade', '/how-to/upgrade'),
        ],
      },
      {
        text: 'Reference',
        link: '/reference/',
        items: [
          page('Commands', '/reference/cli'),
          page('How commands behave', '/cli'),
          page('Manifest', '/reference/manifest'),
          page('HTTP API', '/reference/api'),
          page('Errors and exit codes', '/reference/errors'),
          page('Actions and roles', '/reference/actions'),
          page('Limits', '/reference/limits'),
          page('JSON output', '/reference/cli-json'),
          page('SDK', '/reference/sdk'),
          page('Lint rules', '/lint/'),
        ],
      },
      {
        text: 'Explanation',
        link: '/explanation/',
        items: [
          page('How a run goes', '/explanation/how-a-run-goes'),
          page('Determinism and pinning', '/explanation/determinism-and-pinning'),
          page('Architecture', '/architecture'),
          page('Security', '/security'),
          page('Benchmarks', '/benchmarks'),
          page('Decisions', '/adr/README'),
        ],
      },
      { text: 'From Python', items: [page('Moving from the Python SDK', '/from-python')] },
    ],
  },
});

function page(text, link) {
  return { text, link };
}
