'use client';
import { MessagePage } from '../features/studio/components/MessagePage.tsx';

export default function PageError({ reset }: { reset: () => void }) {
  return (
    <MessagePage
      title="This page stopped working"
      text="Nothing that you made is lost. Try again; if it stays, reload the page."
      onRetry={reset}
    />
  );
}
