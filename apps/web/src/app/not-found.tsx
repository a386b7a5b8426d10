import { MessagePage } from '../features/studio/components/MessagePage.tsx';

export default function NotFound() {
  return <MessagePage title="Nothing here" text="There is no page at this address." />;
}
