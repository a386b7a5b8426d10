import { cpus, totalmem } from 'node:os';

/** One line of the report: what was measured, against what, in the same run. */
export interface Figure {
  readonly name: string;
  readonly value: string;
  /** Against a baseline of the same run; empty where the figure is absolute. */
  readonly ratio: string;
  readonly note: string;
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
}

const machineLine = (): string => {
  const [cpu] = cpus();
  return `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`;
};

const table = ({ title, figures }: Section): string =>
  [
    `## ${title}`,
    '',
    '| measured | figure | ratio | how |',
    '|---|---|---|---|',
    ...figures.map((figure) => `| ${figure.name} | ${figure.value} | ${figure.ratio} | ${figure.note} |`),
    '',
  ].join('\n');

/** The whole of docs/benchmarks.md. */
export const renderReport = (
  sections: readonly Section[],
  facts: { readonly engine: string; readonly day: string },
): string =>
  [
    '# Benchmarks',
    '',
    'Written by `npm run bench -- --write`. Ratios compare two things measured in turns within one run; absolute times belong to the machine named here.',
    '',
    `Machine: ${machineLine()}. Engine: ${facts.engine}. Measured on ${facts.day}.`,
    '',
    ...sections.map(table),
  ].join('\n');
