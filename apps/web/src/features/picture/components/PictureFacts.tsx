import type { Asset } from '@studio/contracts';

const kilobyte = 1_024;

const formatBytes = (bytes: number): string =>
  bytes < kilobyte * kilobyte
    ? `${Math.max(1, Math.round(bytes / kilobyte))} KB`
    : `${(bytes / kilobyte ** 2).toFixed(1)} MB`;

const factsOf = ({ params, width, height, sizeBytes, createdAt, index }: Asset): [string, string][] => [
  ...(params
    ? ([
        ['Model', params.model],
        ['Seed', String(params.seed)],
        ['Steps', String(params.steps)],
        ['CFG', String(params.cfg)],
        ['Sampler', params.sampler],
        ['Scheduler', params.scheduler],
        ['Batch', `${index + 1} of ${params.count}`],
      ] satisfies [string, string][])
    : []),
  ['Size', `${width} × ${height}`],
  ['File', formatBytes(sizeBytes)],
  ['Created', new Date(createdAt).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })],
];

export const PictureFacts = ({ asset }: { asset: Asset }) => (
  <dl className="grid grid-cols-[5.5rem_1fr] gap-y-1.5 text-xs">
    {factsOf(asset).map(([name, value]) => (
      <div key={name} className="contents">
        <dt className="text-ink-3">{name}</dt>
        <dd className="min-w-0 break-words font-mono text-ink tabular-nums">{value}</dd>
      </div>
    ))}
  </dl>
);
