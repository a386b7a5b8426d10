import { serve } from './start.mjs';

/**
 * @param {import('../args.mjs').Options} options
 * @returns {Promise<number>}
 */
export function dev(options) {
  return serve(options, { verb: 'dev', isDev: true });
}
