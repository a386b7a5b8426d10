import { jobIdSchema, streamEvents, streamJobEvents } from '@studio/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { type Plugin, route } from '../../http/route.ts';
import { openFeed } from './feed.ts';
import { serveSocket } from './socket.ts';
import { serveSse, sinceOf } from './sse.ts';

const jobParamsSchema = z.object({ id: jobIdSchema });

/** Live events of a team: two sockets and their server-sent twins. It only listens; no other domain calls it. */
export const notifications: Plugin = (app, deps) => {
  const feed = openFeed(deps);
  const answers = new Set<FastifyReply>();
  app.addHook('preClose', async () => {
    await feed.stop();
    for (const answer of answers) answer.raw.end();
  });
  const keep = (reply: FastifyReply): FastifyReply => {
    answers.add(reply);
    reply.raw.once('close', () => answers.delete(reply));
    return reply;
  };

  app.register(async (scope) => {
    scope.get('/ws', { websocket: true }, (socket) => serveSocket(deps, { feed, socket, jobId: null }));
    scope.get('/ws/jobs/:id', { websocket: true }, (socket, request) => {
      const params = jobParamsSchema.safeParse(request.params);
      if (params.success) serveSocket(deps, { feed, socket, jobId: params.data.id });
      else socket.close(4404);
    });
  });
  route(streamEvents, { can: 'job:read' }, ({ actor, query, request, reply }) =>
    serveSse(deps, { feed, actor, request, reply: keep(reply), since: sinceOf(request, query.since), jobId: null }),
  )(app, deps);
  route(streamJobEvents, { can: 'job:read' }, ({ actor, params, request, reply }) =>
    serveSse(deps, { feed, actor, request, reply: keep(reply), since: null, jobId: params.id }),
  )(app, deps);
};
