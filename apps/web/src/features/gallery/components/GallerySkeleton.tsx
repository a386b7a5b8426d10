const shapes = [1, 1, 1.5, 1, 0.67, 1, 1, 1.5, 1, 1];

export const GallerySkeleton = () => (
  <div role="status" aria-label="Loading pictures" className="flex flex-wrap gap-1.5 overflow-hidden">
    {shapes.map((aspect, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: a fixed row of placeholders
      <div key={index} className="sheen h-33 rounded-md bg-raised sm:h-46" style={{ aspectRatio: aspect }} />
    ))}
  </div>
);
