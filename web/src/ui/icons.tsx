/** Line icons on a 20 px grid, drawn in the colour of the text around them. */

import type { ComponentChildren, VNode } from "preact";

const icon = (children: ComponentChildren): VNode => (
  <svg
    width="20"
    height="20"
    viewBox="0 0 20 20"
    fill="none"
    stroke="currentColor"
    stroke-width="1.7"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
  >
    {children}
  </svg>
);

export const BackIcon = (): VNode => icon(<path d="M12 4.5 6.5 10l5.5 5.5" />);
export const CloseIcon = (): VNode => icon(<path d="m5.5 5.5 9 9m0-9-9 9" />);
export const SearchIcon = (): VNode =>
  icon(
    <>
      <circle cx="9" cy="9" r="5" />
      <path d="m13 13 3.5 3.5" />
    </>,
  );
export const MoonIcon = (): VNode => icon(<path d="M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5Z" />);
export const SunIcon = (): VNode =>
  icon(
    <>
      <circle cx="10" cy="10" r="3.2" />
      <path d="M10 2.5v1.7m0 11.6v1.7M2.5 10h1.7m11.6 0h1.7M4.7 4.7l1.2 1.2m8.2 8.2 1.2 1.2m0-10.6-1.2 1.2m-8.2 8.2-1.2 1.2" />
    </>,
  );
export const ShareIcon = (): VNode => icon(<path d="M10 12V3.5m0 0L6.8 6.7M10 3.5l3.2 3.2M4.5 11v4.5h11V11" />);
export const HereIcon = (): VNode =>
  icon(
    <>
      <circle cx="10" cy="10" r="4.5" />
      <path d="M10 2.5v3m0 9v3M2.5 10h3m9 0h3" />
    </>,
  );
export const CutIcon = (): VNode => icon(<path d="M3 3l14 14M4.2 8.2a9 9 0 0 1 2.6-1.6m2.6-.6a9 9 0 0 1 6.4 2.2M7 11.2a5 5 0 0 1 2-1.1m4 1.1.3.3M10 15h.01" />);
export const FlagIcon = (): VNode => icon(<path d="M5 17V3.5m0 .5h9.5l-2 3.2 2 3.3H5" />);
export const DotIcon = (): VNode => icon(<circle cx="10" cy="10" r="4" fill="currentColor" />);
export const ChevronIcon = (): VNode => icon(<path d="m5 12.5 5-5 5 5" />);
export const CarIcon = (): VNode => icon(<path d="M4 11.5h12m-12 0 1.5-4.2A2 2 0 0 1 7.4 6h5.2a2 2 0 0 1 1.9 1.3L16 11.5m-12 0V15m12-3.5V15M6.5 13.5h.01m6.99 0h.01" />);
