'use client';
import { useStudio } from '../../studio/hooks/useStudio.ts';
import { signIn } from '../client.ts';
import { readText, useAccountForm } from '../hooks/useAccountForm.ts';
import { AccountField } from './AccountField.tsx';
import { AccountForm } from './AccountForm.tsx';
import { AccountFrame } from './AccountFrame.tsx';

export const SignInPage = () => {
  const { productName } = useStudio();
  const { submit, problem, isSending } = useAccountForm((fields) =>
    signIn({ email: readText(fields, 'email'), password: readText(fields, 'password') }),
  );
  return (
    <AccountFrame title="Sign in" lead={`Welcome back to ${productName}.`}>
      <AccountForm action="Sign in" problem={problem} isSending={isSending} onSubmit={submit}>
        <AccountField label="E-mail" name="email" type="email" autoComplete="username" maxLength={254} autoFocus />
        <AccountField
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          maxLength={256}
        />
      </AccountForm>
    </AccountFrame>
  );
};
