'use client';
import { MessagePage } from '../features/studio/components/MessagePage.tsx';
import '../ui/theme.css';

/** Also what is seen while the api does not answer, because then the page does not even know its name. */
export default function StudioError({ reset }: { reset: () => void }) {
  return (
    <html lang="en">
      <body>
        <title>Studio</title>
        <MessagePage
          title="The studio does not answer"
          text="It may still be starting. Try again in a moment."
          onRetry={reset}
        />
      </body>
    </html>
  );
}
