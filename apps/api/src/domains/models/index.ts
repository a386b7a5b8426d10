import { domain } from '../../http/route.ts';
import { routes } from './routes.ts';

export { getKnownNodes, type KnownNodes } from './catalogue.ts';
export { presentModel } from './present.ts';
export { findModel, listModels as listModelRows, type ModelRow, touchEngine } from './queries.ts';
export { forgetGoneEngines, registerEngine } from './service.ts';

export const models = domain(routes);
