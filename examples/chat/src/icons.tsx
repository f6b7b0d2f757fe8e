const PATHS = {
  add: "M12 5v14M5 12h14",
  archive: "M4 8v11a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1V8M3 4h18v4H3zM10 12h4",
  restore: "M3 4h18v4H3zM4 8v11a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1V8M12 17v-6M9 13.5l3-3 3 3",
  attach: "m20 11-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4L14 7.5",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  down: "M12 5v14M6 13l6 6 6-6",
  edit: "M4 20h4L19 9l-4-4L4 16zM13 7l4 4",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  left: "m14 6-6 6 6 6",
  menu: "M4 7h16M4 12h16M4 17h16",
  regenerate: "M20 11a8 8 0 0 0-14.5-4L3 9.5M3 4v5.5h5.5M4 13a8 8 0 0 0 14.5 4l2.5-2.5M21 20v-5.5h-5.5",
  remove: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
  right: "m10 6 6 6-6 6",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  thumbDown: "M17 14V4M9 18.5 10 14H5.5a2 2 0 0 1-2-2.5l1.7-6A2 2 0 0 1 7 4h12.5v10H17l-4 7a2.5 2.5 0 0 1-4-2.5",
  thumbUp: "M7 10v10M15 5.5 14 10h4.5a2 2 0 0 1 2 2.5l-1.7 6A2 2 0 0 1 17 20H4.5V10H7l4-7a2.5 2.5 0 0 1 4 2.5",
  tool: "M14.5 6.5a4 4 0 0 1 5-3l-2.5 2.5.5 2 2 .5L22 6a4 4 0 0 1-5.5 5L8 19.5a2 2 0 0 1-3.5-3.5L13 7.5",
} as const;

/** A drawing beside a label, or in a button that has one. */
export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
