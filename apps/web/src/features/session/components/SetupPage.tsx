'use client';
import { register } from '../client.ts';
import { readText, useAccountForm } from '../hooks/useAccountForm.ts';
import { AccountField } from './AccountField.tsx';
import { AccountForm } from './AccountForm.tsx';
import { AccountFrame } from './AccountFrame.tsx';

export const SetupPage = () => {
  const { submit, problem, isSending } = useAccountForm((fields) =>
    register({
      name: readText(fields, 'name'),
      email: readText(fields, 'email'),
      password: readText(fields, 'password'),
    }),
  );
  return (
    <AccountFrame
      title="Create the owner account"
      lead="This studio is new. The first account owns it; everything stays on this machine."
    >
      <AccountForm action="Create account" problem={problem} isSending={isSending} onSubmit={submit}>
        <AccountField label="Name" name="name" autoComplete="name" maxLength={100} autoFocus />
        <AccountField label="E-mail" name="email" type="email" autoComplete="username" maxLength={254} />
        <AccountField
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          maxLength={256}
          hint="At least 10 characters. A short sentence is easy to remember."
        />
      </AccountForm>
    </AccountFrame>
  );
};
