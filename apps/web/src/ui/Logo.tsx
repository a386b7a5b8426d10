/** First light: a sun half over its horizon, in a darkroom frame. */
export const LogoMark = ({ className }: { className?: string }) => (
  <svg viewBox="0 0 24 24" className={className} aria-hidden="true">
    <rect x="1" y="1" width="22" height="22" rx="6.5" fill="var(--color-accent)" />
    <path d="M5.5 15.5a6.5 6.5 0 0 1 13 0z" fill="var(--color-on-accent)" />
    <path d="M5.5 18.6h13" stroke="var(--color-on-accent)" strokeWidth="1.7" strokeLinecap="round" />
  </svg>
);
