'use client';
import { LogoMark } from '../../../ui/Logo.tsx';
import { useStudio } from '../hooks/useStudio.ts';

export const ProductMark = () => {
  const { productName, logoUrl } = useStudio();
  return (
    <span className="flex min-w-0 items-center gap-2.5 font-semibold text-base tracking-tight">
      {logoUrl ? (
        <img src={logoUrl} alt="" className="h-6 w-auto max-w-28 object-contain" />
      ) : (
        <LogoMark className="size-6 shrink-0" />
      )}
      <span className="truncate">{productName}</span>
    </span>
  );
};
