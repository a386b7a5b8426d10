'use client';
import { useRouter } from 'next/navigation';
import { type FormEvent, useState } from 'react';
import { readNextPath } from '../next-path.ts';
import { toSentence } from '../sentence.ts';

/** Sends the form, shows the server's sentence on refusal and goes on to where the person was heading. */
export const useAccountForm = (send: (fields: FormData) => Promise<void>) => {
  const router = useRouter();
  const [problem, setProblem] = useState<string | null>(null);
  const [isSending, setIsSending] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setProblem(null);
    setIsSending(true);
    try {
      await send(new FormData(event.currentTarget));
      router.replace(readNextPath(window.location.search));
    } catch (error) {
      setProblem(toSentence(error));
      setIsSending(false);
    }
  };
  return { submit, problem, isSending };
};

export const readText = (fields: FormData, name: string): string => {
  const value = fields.get(name);
  return typeof value === 'string' ? value : '';
};
