import {
  type AssistantCloud,
  type FeedbackAdapter,
  type ThreadHistoryAdapter,
  useAui,
  useCloudThreadListRuntime,
  useLocalRuntime,
  useRuntimeAdapters,
} from "@assistant-ui/react";
import { useMemo } from "react";

import { model } from "./model";

/** assistant-ui's own runtime, with all that it keeps kept by `cloud`. */
export function useChat(cloud: AssistantCloud) {
  return useCloudThreadListRuntime({
    cloud,
    runtimeHook: function useThread() {
      const feedback = useFeedback(cloud);
      return useLocalRuntime(model, { adapters: { feedback } });
    },
  });
}

interface Ids {
  thread_id?: string;
  message_id?: string;
}

/** What the package's own adapter of the history has, and its interface does not name. */
interface CloudHistory extends ThreadHistoryAdapter {
  resolveEngagementEventIds(threadId: string, messageId: string): Promise<Ids>;
}

const PATIENCE = [0, 100, 300, 1000, 3000];

/**
 * Thumbs, by the ids that the server gave. The adapter that comes with 0.3.20 asks a list of ids
 * that a local runtime never fills, and sends nothing.
 */
function useFeedback(cloud: AssistantCloud): FeedbackAdapter {
  const aui = useAui();
  const history = useRuntimeAdapters()?.history as CloudHistory | undefined;
  return useMemo(() => {
    const send = async ({ message, type, comment }: Parameters<FeedbackAdapter["submit"]>[0]) => {
      // An answer has its id when it has been stored, which may be a moment after it was shown.
      for (const pause of PATIENCE) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        const { id } = aui.threadListItem.getState();
        const ids = await history?.resolveEngagementEventIds(id, message.id);
        if (ids?.thread_id && ids.message_id) {
          const said = { type, ...(comment ? { comment } : undefined) };
          await cloud.threads.messages.feedback(ids.thread_id, ids.message_id, said);
          return;
        }
      }
    };
    const failed = (error: unknown) => console.error("A thumb was not stored:", error);
    return { submit: (feedback) => void send(feedback).catch(failed) };
  }, [aui, cloud, history]);
}
