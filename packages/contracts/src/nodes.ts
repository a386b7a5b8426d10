import { defineEndpoint } from './endpoint.ts';
import { nodeCatalogueSchema } from './graph.ts';

export const getNodeCatalogue = defineEndpoint({
  id: 'getNodeCatalogue',
  method: 'GET',
  path: '/api/v1/nodes',
  tag: 'Nodes',
  summary: "Every node the connected engines know, as ComfyUI's object_info",
  auth: 'user',
  status: 200,
  response: nodeCatalogueSchema,
  errors: [],
});
