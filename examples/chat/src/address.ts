import { useAui, useAuiState } from "@assistant-ui/react";
import { useEffect, useRef } from "react";

const named = () => decodeURIComponent(window.location.hash.slice(1));

/** Keep the open chat in the address, so that a reload or a link opens it again. */
export function useAddress() {
  const aui = useAui();
  const open = useAuiState((state) => state.threadListItem.remoteId);
  const seen = useRef<string | undefined>(undefined);

  useEffect(() => {
    const follow = () => {
      const id = named();
      if (id && id !== seen.current) aui.threads.switchToThread(id, { unarchive: false });
    };
    follow();
    window.addEventListener("hashchange", follow);
    return () => window.removeEventListener("hashchange", follow);
  }, [aui]);

  useEffect(() => {
    // Before a chat has been opened the address is a wish, and stays.
    if (open === seen.current) return;
    seen.current = open;
    const { pathname, search } = window.location;
    window.history.replaceState(null, "", open ? `#${encodeURIComponent(open)}` : pathname + search);
  }, [open]);
}
