import type { JobId, JobProgress, PreviewHeader, TeamId } from '@studio/contracts';

/** What travels on the bus about jobs and pictures. Wake-ups carry no content: who hears one reads the database. */
declare module './bus.ts' {
  interface BusTopics {
    /** The team's event log has grown. */
    'team.changed': { readonly teamId: TeamId };
    /** A lane of this queue has a job that an engine could take. */
    'queue.ready': { readonly queue: string };
    'job.progress': {
      readonly teamId: TeamId;
      readonly jobId: JobId;
      readonly attempt: number;
      readonly progress: JobProgress;
    };
    'job.preview': { readonly teamId: TeamId; readonly header: PreviewHeader; readonly image: Buffer };
  }
}
