import type { App } from './route.ts';

/**
 * Answers that are still given while the server stops end their connection: nobody closes one that falls idle after
 * the stop has begun, and the server would wait for its keep-alive to run out.
 */
export const endConnectionsOnStop = (app: App): void => {
  let isStopping = false;
  app.addHook('preClose', async () => {
    isStopping = true;
  });
  app.addHook('onSend', async (_request, reply) => {
    if (isStopping) reply.header('connection', 'close');
  });
};
