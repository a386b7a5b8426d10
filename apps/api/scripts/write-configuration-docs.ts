import { writeFileSync } from 'node:fs';
import { configurationDocs, configurationDocsPath } from './configuration-docs.ts';

writeFileSync(configurationDocsPath, configurationDocs());
