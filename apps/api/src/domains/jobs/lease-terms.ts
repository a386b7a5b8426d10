/** A lease outlives several missed heartbeats (one every 5 s at least), yet a dead engine costs a job only this much. */
export const leaseSeconds = 30;
/** Four reports a second are as many as a person can tell apart. */
export const progressIntervalMs = 250;
/** How far (cost / weight) a job whose model is in memory may go ahead of the fairest one. */
export const warmWindow = 1;
/** Every job waits here until there are classes of hardware to choose between. */
export const defaultQueue = 'default';
/** An 8-picture batch of 2048 x 2048 PNG files stays far below this for each file. */
export const maxUploadBytes = 64 * 1024 * 1024;
