import type { Account } from '../harness/account.ts';

/** What every benchmark runs against: one live studio whose engine has registered. */
export interface BenchContext {
  readonly url: string;
  readonly databaseUrl: string;
  readonly account: Account;
}
