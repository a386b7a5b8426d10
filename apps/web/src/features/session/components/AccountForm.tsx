'use client';
import type { FormEventHandler, ReactNode } from 'react';
import { Button } from '../../../ui/Button.tsx';
import { Notice } from '../../../ui/Notice.tsx';
import { Spinner } from '../../../ui/Spinner.tsx';

interface AccountFormProps {
  action: string;
  problem: string | null;
  isSending: boolean;
  onSubmit: FormEventHandler<HTMLFormElement>;
  children: ReactNode;
}

export const AccountForm = ({ action, problem, isSending, onSubmit, children }: AccountFormProps) => (
  <form onSubmit={onSubmit} className="flex flex-col gap-4">
    {children}
    {problem !== null && <Notice tone="danger">{problem}</Notice>}
    <Button type="submit" look="primary" size="lg" disabled={isSending} className="mt-1 w-full">
      {isSending && <Spinner />}
      {action}
    </Button>
  </form>
);
