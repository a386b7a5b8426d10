/** A start that must not go on, for a reason that the operator can correct; the message says how. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
