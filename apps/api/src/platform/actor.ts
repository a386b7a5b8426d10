import type { Role, SessionId, TeamId, UserId } from '@studio/contracts';

/** Who asks, as the access token says: a user in the team they work in. */
export interface Actor {
  readonly userId: UserId;
  readonly teamId: TeamId;
  readonly role: Role;
  readonly sessionId: SessionId;
}
