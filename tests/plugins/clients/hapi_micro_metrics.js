// Track through the real hapi plugin in a real hapi server; argv: address of the metrics server.
const { createRequire } = require('node:module');

const load = createRequire(`${process.env.CLIENTS}/`);
const hapi = load('@hapi/hapi');

async function main() {
  const server = hapi.server({ port: 0, host: '127.0.0.1' });
  const errors = [];
  server.events.on('log', (event, tags) => tags.error && errors.push(String(event.error || event.data)));
  await server.register({
    plugin: load('hapi-micro-metrics').plugin,
    options: { host: process.argv[2], debounce: 20, verbose: true },
  });
  server.track('job.done', 3, { queue: 'mail' }, { took: 5 });
  server.track('job.done', '4.5', 'queue:mail,nightly', 'k:v');
  server.track('job.done', undefined, ['nightly', 'retry']);
  server.track('', 1); // the server refuses this one
  server.track('email.send', 1, { template: null }, { toEmail: ['a@x', 'b@x'], uuid: 'U' });
  await new Promise((resolve) => setTimeout(resolve, 400));
  server.track('later', 1);
  await server.stop();
  await new Promise((resolve) => setTimeout(resolve, 200));
  console.log(JSON.stringify({ errors }));
}

main();
